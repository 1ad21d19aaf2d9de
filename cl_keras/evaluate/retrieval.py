# SPDX-License-Identifier: Apache-2.0
"""Retrieval: each example searches for others of its class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from cl_keras.evaluate.knn import features_array, unit_rows
from cl_keras.evaluate.label_arrays import classes_of

# Floats in one block of similarities (32 MB).
_BLOCK = 8_000_000


class Retrieval(NamedTuple):
    """How well examples find others of their class.

    Attributes:
        recall: By k, the share of queries with one of their class among the first k.
        mean_average_precision: Mean of `average_precisions`.
        first_ranks: `(queries,)` int64, rank of each query's first right result.
        average_precisions: `(queries,)` float64.
        queries: `(queries,)` int64, the rows that were queries.
        left_out: Labels of the classes with a single example, which has nothing to
            find. It stays among the results of the others.
    """

    recall: dict[int, float]
    mean_average_precision: float
    first_ranks: np.ndarray
    average_precisions: np.ndarray
    queries: np.ndarray
    left_out: tuple[int, ...]


def retrieval(
    features: np.ndarray, labels: np.ndarray, *, ks: Sequence[int] = (1, 5, 10)
) -> Retrieval:
    """Recall at k and mean average precision by cosine similarity, leave-one-out.

    Each example is a query for all others; it is never among its own results. Works
    in blocks: beyond inputs and result it needs about 100 MB and a normalised copy of
    the features.

    Equal similarities count against the encoder in the recall: wrong results come
    first, so that an encoder that answers everything with one vector finds nothing.
    In the average precision they form one step, as in scikit-learn's
    `average_precision_score`.

    Args:
        features: Features, `(n, D)`, any real dtype.
        labels: Their labels, `(n,)`; one class at least has two examples.
        ks: Numbers of results looked at.

    Returns:
        The scores, with what each query got.

    Raises:
        ValueError: If features or labels do not fit, `ks` are not positive, or no
            class has two examples.

    Example:
    >>> features = np.array([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0], [0.1, 1.0]])
    >>> found = retrieval(features, [0, 0, 1, 1], ks=[1])
    >>> found.recall, found.mean_average_precision
    ({1: 1.0}, 1.0)

    Reference: Oh Song et al., "Deep Metric Learning via Lifted Structured Feature
    Embedding", 2016 (Recall@K); Musgrave et al., "A Metric Learning
    Reality Check", 2020 (why more than Recall@1).
    """
    features = features_array("features", features)
    classes, numbers, sizes = classes_of("labels", labels, len(features))
    if not len(ks) or min(ks) < 1:
        raise ValueError(f"`ks` must be positive numbers. Received: ks={list(ks)}")
    queries = np.flatnonzero(sizes[numbers] > 1)
    if not len(queries):
        raise ValueError(
            "Retrieval needs a class with at least two examples. Received: "
            f"{len(numbers)} examples of {len(classes)} classes"
        )
    members = [np.flatnonzero(numbers == number) for number in range(len(classes))]
    first_ranks = np.empty(len(queries), np.int64)
    precisions = np.empty(len(queries))
    step = max(1, _BLOCK // len(features))
    with tf.device("CPU:0"):
        unit = unit_rows(features)
        for start in range(0, len(queries), step):
            rows = queries[start : start + step]
            # Ascending order of dissimilarity, for `searchsorted`.
            block = -tf.matmul(tf.gather(unit, rows), unit, transpose_b=True).numpy()
            block[np.arange(len(rows)), rows] = np.inf
            for line, row in enumerate(rows):
                same = members[numbers[row]]
                right = np.sort(block[line, same[same != row]])
                block[line].sort()
                # Results, and right ones among them, up to and with each right one.
                results = np.searchsorted(block[line], right, side="right")
                hits = np.searchsorted(right, right, side="right")
                precisions[start + line] = np.mean(hits / results)
                first_ranks[start + line] = results[0] - hits[0] + 1
    return Retrieval(
        {int(k): float(np.mean(first_ranks <= k)) for k in ks},
        float(precisions.mean()),
        first_ranks,
        precisions,
        queries,
        tuple(classes[sizes == 1].tolist()),
    )
