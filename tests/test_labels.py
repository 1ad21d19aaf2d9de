# SPDX-License-Identifier: Apache-2.0
"""Labels as people have them."""

from __future__ import annotations

import numpy as np
import pytest

from cl_keras import data
from cl_keras.labels import as_labels

IMAGES = np.zeros((4, 4, 4, 3), np.uint8)
WANTED = [0, 1, 1, 0]


@pytest.mark.parametrize(
    "labels",
    [
        WANTED,
        np.array(WANTED, np.int32),
        np.array(WANTED, np.uint8)[:, None],
        np.array(WANTED, np.float32),
        np.eye(2)[WANTED],
        np.array(WANTED, bool),
        np.array(WANTED, object),
        ["cat", "dog", "dog", "cat"],
        np.array([b"cat", b"dog", b"dog", b"cat"]),
    ],
)
def test_each_form_is_the_same_labels(labels, tmp_path):
    found = data.ImageData("x", IMAGES, labels)
    assert found.labels.dtype == np.int64 and found.labels.tolist() == WANTED
    if "cat" in str(labels):
        assert found.class_names == ("cat", "dog")
    if not (isinstance(labels, np.ndarray) and labels.dtype == object):
        np.savez(tmp_path / "x.npz", images=IMAGES, labels=labels)
        again = data.load(f"npz:{tmp_path / 'x.npz'}")
        assert again.labels.tolist() == WANTED


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0, 1, 1], r"4 of them.*shape \(3,\)"),
        ([0.0, 0.5, 1.0, 0.0], "0.5"),
        ([0.0, float("nan"), 1.0, 0.0], "(?i)nan|missing"),
        (np.ones((4, 2)), "class"),
        (["a", None, "b", "a"], "missing"),
        (["a", 1, "b", 2], "numbers or strings|one kind"),
        ([[0], [1, 2], [1], [0]], "different lengths"),
    ],
)
def test_others_are_refused_by_name(labels, message):
    with pytest.raises(ValueError, match=message):
        as_labels(labels, 4)
