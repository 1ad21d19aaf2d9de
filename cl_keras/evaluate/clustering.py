# SPDX-License-Identifier: Apache-2.0
"""Clustering: whether the classes are there without any label."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from cl_keras import extras
from cl_keras.evaluate.intervals import Spread, seed_interval
from cl_keras.evaluate.knn import features_array, unit_rows
from cl_keras.evaluate.label_arrays import classes_of


class Clustering(NamedTuple):
    """How well k-means finds the classes, over several seeds.

    The intervals cover other starts of k-means on the same examples, and nothing else:
    neither other examples nor another training.

    Attributes:
        nmi: Normalised mutual information of clusters and classes, 0 to 1.
        ari: Adjusted Rand index, 0 for chance and 1 for the classes themselves.
        nmis: One a seed.
        aris: One a seed.
        clusters: Number of clusters.
    """

    nmi: Spread
    ari: Spread
    nmis: tuple[float, ...]
    aris: tuple[float, ...]
    clusters: int


def clustering(
    features: np.ndarray,
    labels: np.ndarray,
    *,
    clusters: int | None = None,
    restarts: int = 5,
    seeds: Sequence[int] = (0, 1, 2),
) -> Clustering:
    """Agreement of k-means clusters of l2-normalised features with the classes.

    Args:
        features: Features, `(n, D)`, any real dtype.
        labels: Their labels, `(n,)`, of at least two classes. They are only
            compared with, never clustered by.
        clusters: Number of clusters; by default the number of classes.
        restarts: Starts of k-means for each seed; the one of least distance is kept.
        seeds: k-means begins at random: one result each.

    Returns:
        NMI (arithmetic normalisation) and ARI with their spread over the seeds.

    Raises:
        ValueError: If features or labels do not fit, there is one class only, more
            clusters than examples, or no restart or seed.
        ImportError: If scikit-learn is not installed, with the pip line.

    Example:
    >>> x = np.array([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0], [0.1, 1.0]])
    >>> clustering(x, [0, 0, 1, 1]).nmis
    (1.0, 1.0, 1.0)

    Reference: Hubert & Arabie, "Comparing Partitions", 1985 (adjusted Rand index);
    Vinh et al., "Information Theoretic Measures for Clusterings Comparison", 2010
    (normalised mutual information).
    """
    features = features_array("features", features)
    needs = "Clustering is compared with at least two classes"
    classes, labels, _ = classes_of("labels", labels, len(features), two_for=needs)
    clusters = len(classes) if clusters is None else clusters
    if not 2 <= clusters <= len(features):
        raise ValueError(
            f"`clusters` must be from 2 to {len(features)}, the number of examples. "
            f"Received: clusters={clusters}"
        )
    if restarts < 1 or not len(seeds):
        raise ValueError(
            "Expected at least one restart and one seed. "
            f"Received: restarts={restarts}, seeds={list(seeds)}"
        )
    cluster = extras.require("sklearn.cluster", extra="eval")
    metrics = extras.require("sklearn.metrics", extra="eval")
    unit = unit_rows(features).numpy()
    # Of fewer different vectors k-means makes clusters by the rounding of distances.
    most = min(clusters, len(np.unique(features, axis=0)))
    nmis, aris = [], []
    for seed in seeds:
        kmeans = cluster.KMeans(most, n_init=restarts, random_state=seed)
        assigned = kmeans.fit_predict(unit)
        nmis.append(float(metrics.normalized_mutual_info_score(labels, assigned)))
        aris.append(float(metrics.adjusted_rand_score(labels, assigned)))
    return Clustering(
        seed_interval(nmis), seed_interval(aris), tuple(nmis), tuple(aris), clusters
    )
