# SPDX-License-Identifier: Apache-2.0
"""Features in two dimensions, to be looked at."""

from __future__ import annotations

from typing import Literal

import numpy as np

from cl_keras import extras, registry
from cl_keras.evaluate.knn import features_array

Projection = Literal["pca", "tsne", "umap"]


def project(
    features: np.ndarray, method: Projection = "pca", *, seed: int = 0
) -> np.ndarray:
    """Two coordinates for each example.

    Args:
        features: `(n, D)` with `n` of at least 3.
        method: `"pca"`, linear; `"tsne"`, from scikit-learn, and `"umap"` keep
            neighbourhoods by cosine distance, while distances between groups and
            their sizes mean little.
        seed: Seed of t-SNE and UMAP.

    Returns:
        float32 coordinates, `(n, 2)`.

    Raises:
        ValueError: For an unknown method, or features that are too few, not finite
            or not `(n, D)`.
        ImportError: If the method's library is not installed, with the pip line.

    Example:
    >>> project(np.eye(4)).shape
    (4, 2)

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
    return reducers[method](features, seed).astype(np.float32)


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
