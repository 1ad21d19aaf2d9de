# SPDX-License-Identifier: Apache-2.0
"""Features in two dimensions, to be looked at."""

from __future__ import annotations

from typing import Literal

import numpy as np

from cl_keras import extras, registry
from cl_keras.evaluate.knn import features_array

Projection = Literal["pca", "tsne", "umap"]
# Parts of a unit vector that agree to this are rounding, not another direction.
_SAME = 1e-5
_LEAST_DIRECTIONS = 4


def project(
    features: np.ndarray, method: Projection = "pca", *, seed: int = 0
) -> np.ndarray:
    """Two coordinates for each example.

    Examples whose features point in one direction, as those of a collapsed encoder
    do, get one point of t-SNE and UMAP. With fewer than four directions neither has
    anything to arrange, and the coordinates are those of PCA.

    Reference: van der Maaten & Hinton, "Visualizing Data using t-SNE", 2008; McInnes
    et al., "UMAP: Uniform Manifold Approximation and Projection", 2018.
    """
    reducers = {"pca": _pca, "tsne": _tsne, "umap": _umap}
    if method not in reducers:
        raise registry.unknown("projection", method, reducers)
    features = features_array("features", features).astype(np.float32)
    if len(features) < 3:
        raise ValueError(
            f"A map needs at least 3 examples. Received: shape={features.shape}"
        )
    if method == "pca":
        return _pca(features, seed)
    # Starting places of identical examples are 0 / 0, and scikit-learn's tree of
    # points that are no numbers ends the process.
    directions, same = _directions(features)
    if len(directions) < _LEAST_DIRECTIONS:
        return _pca(features, seed)
    return reducers[method](directions, seed).astype(np.float32)[same]


def _directions(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Different directions, (m, D), and for each row the place of its own there."""
    # Scaled first: squares of tiny or huge values are 0 or infinite.
    largest = np.abs(features).max(axis=1, keepdims=True)
    rows = features / np.where(largest > 0, largest, 1.0)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    rows = rows / np.where(lengths > 0, lengths, 1.0)
    _, kept, same = np.unique(
        np.round(rows / _SAME), axis=0, return_index=True, return_inverse=True
    )
    return rows[kept], same.reshape(-1)


def _pca(features: np.ndarray, seed: int) -> np.ndarray:
    centred = features - features.mean(axis=0)
    # float64: the scatter matrix squares the condition number.
    _, vectors = np.linalg.eigh(centred.T.astype(np.float64) @ centred)
    axes = vectors[:, ::-1][:, :2]
    # An eigenvector's sign is arbitrary: its largest entry is made positive.
    axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), range(axes.shape[1])])
    points = (centred @ axes).astype(np.float32)
    return np.pad(points, ((0, 0), (0, 2 - points.shape[1])))


def _tsne(features: np.ndarray, seed: int) -> np.ndarray:
    manifold = extras.require("sklearn.manifold", extra="eval")
    threads = extras.require("threadpoolctl", extra="eval")
    # One thread: a few thousand points give each step so little work that threads
    # spend their time waiting for one another (measured: 3 times slower with two).
    with threads.threadpool_limits(1):
        return manifold.TSNE(
            perplexity=min(30.0, (len(features) - 1) / 3),
            metric="cosine",
            # PCA cannot start a two-dimensional map of one-dimensional features.
            init="pca" if features.shape[1] > 1 else "random",
            max_iter=500,
            random_state=seed,
        ).fit_transform(features)


def _umap(features: np.ndarray, seed: int) -> np.ndarray:
    umap = extras.require("umap", extra="eval")
    # `n_jobs` said: else UMAP warns that a seed makes it 1.
    return umap.UMAP(
        n_neighbors=min(15, len(features) - 1),
        metric="cosine",
        random_state=seed,
        n_jobs=1,
    ).fit_transform(features)
