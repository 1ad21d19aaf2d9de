# SPDX-License-Identifier: Apache-2.0
"""Maps of degenerate features: scikit-learn's own t-SNE ends the process on some."""

import numpy as np
import pytest

from cl_keras.evaluate.projection import project

RNG = np.random.default_rng(0)
RANDOM = RNG.standard_normal((24, 8)).astype(np.float32)
ONES = np.ones_like(RANDOM)
HALF = np.repeat([True, False], 12)[:, None]
DEGENERATE = {
    "ones": ONES,
    "zeros": 0 * ONES,
    "rounding": ONES + 1e-7 * RANDOM,
    "lengths": ONES * np.arange(1, 25)[:, None],
    "half": np.where(HALF, RANDOM, ONES),
    "half zeros": np.where(HALF, RANDOM, 0),
    "two": np.where(HALF, ONES, -ONES),
    "tiny": 1e-30 * RANDOM,
    "huge": 1e30 * RANDOM,
    "one wide": RANDOM[:, :1],
}


@pytest.mark.parametrize("method", ["pca", "tsne"])
@pytest.mark.parametrize("name", DEGENERATE)
def test_degenerate_features_get_a_map(name, method):
    points = project(DEGENERATE[name], method)
    assert points.shape == (24, 2) and np.isfinite(points).all()


def test_identical_examples_get_one_point():
    points = project(np.where(HALF, RANDOM, ONES), "tsne")
    assert len(np.unique(points[12:], axis=0)) == 1
    assert len(np.unique(points[:12], axis=0)) == 12


def test_different_examples_keep_a_map_of_their_own():
    assert len(np.unique(project(RANDOM, "tsne"), axis=0)) == 24
