# SPDX-License-Identifier: Apache-2.0
"""How close answers of two loaders must be."""

import numpy as np
import pytest


def test_names_are_compared_where_scores_do_not_tie():
    from cl_keras.export.conformance.report import compare

    scores = np.array([[0.9, 0.8, 0.8, 0.1, 0.05]], np.float32)
    ids = np.array([[b"a", b"b", b"c", b"d", b"e"]], dtype=object)
    swapped = ids[:, [0, 2, 1, 3, 4]]
    beyond = np.array([[b"a", b"b", b"c", b"d", b"f"]], dtype=object)
    wrong = ids[:, [3, 1, 2, 0, 4]]
    for other, ok in ((ids, True), (swapped, True), (beyond, True), (wrong, False)):
        left = {"ids": other, "scores": scores}
        assert compare(left, {"ids": ids, "scores": scores}, 1e-5)[0] is ok


@pytest.mark.parametrize(
    ("row", "error", "ok"),
    [
        ([1.0, 0.01], 1e-4, False),
        ([50.0, 0.01], 1e-4, True),
        ([50.0, 0.01], 1e-2, False),
        ([50.0, np.nan], 0.0, False),
        ([50.0, 0.01], np.nan, False),
        ([-np.inf, 0.01], 0.0, True),
        ([-np.inf, 0.01], 1.0, False),
    ],
)
def test_rounding_is_measured_by_the_largest_value_of_a_row(row, error, ok):
    from cl_keras.export.conformance.report import compare

    right = np.array([row, [2000.0, 0.0]], np.float32)
    left = right + np.float32([[0.0, error], [0.0, 0.0]])
    assert compare({"features": left}, {"features": right}, 1e-5)[0] is ok
