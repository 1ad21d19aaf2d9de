# SPDX-License-Identifier: Apache-2.0
"""How similar the two views of an example are, next to views of different ones."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from cl_keras.evaluate.knn import features_array

# Similarities of all pairs are an n x n matrix: more rows change no third digit.
_PAIR_ROWS = 1_024


def pair_similarities(
    view1: np.ndarray, view2: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Cosine similarities of positive and of negative pairs.

    Args:
        view1: Features of first views, `(n, D)`, n of at least 2.
        view2: Features of second views, row for row, `(n, D)`. Of more than 1,024
            pairs an evenly spaced sample is taken.

    Returns:
        `(positive, negative)`, float32: `(n,)`, each first view with its own second
        view, and `(n * (n - 1),)`, with the second views of all others.

    Raises:
        ValueError: For views of different shapes, fewer than two, or not finite.

    Example:
    >>> positive, negative = pair_similarities(np.eye(2), np.eye(2))
    >>> positive.tolist(), negative.tolist()
    ([1.0, 1.0], [0.0, 0.0])
    """
    view1, view2 = feature_rows("view1", view1), feature_rows("view2", view2)
    if view1.shape != view2.shape:
        raise ValueError(
            "Views must match row for row. "
            f"Received: shapes {view1.shape} and {view2.shape}"
        )
    view1, view2 = (
        tf.math.l2_normalize(sample(view), axis=1).numpy() for view in (view1, view2)
    )
    # Rounding takes cosines a little beyond 1.
    cosines = np.clip(view1 @ view2.T, -1.0, 1.0)
    positive = np.eye(len(cosines), dtype=bool)
    return cosines[positive], cosines[~positive]


def separation(positive: np.ndarray, negative: np.ndarray) -> float:
    """Chance that a positive pair is more similar than a negative one.

    The area under the ROC curve: 1 if the two do not overlap, 0.5 for guessing.

    Args:
        positive: Similarities of positive pairs, `(n,)`.
        negative: Similarities of negative pairs, `(m,)`.

    Returns:
        From 0 to 1; equal similarities count half.

    Raises:
        ValueError: If either is empty.

    Example:
    >>> separation(np.array([0.9, 0.4]), np.array([0.1, 0.6]))
    0.75
    """
    positive, negative = np.ravel(positive), np.sort(np.ravel(negative))
    if not len(positive) or not len(negative):
        raise ValueError(
            "Separation needs both kinds of pairs. Received: "
            f"{len(positive)} positive and {len(negative)} negative"
        )
    below = np.searchsorted(negative, positive, side="left")
    not_above = np.searchsorted(negative, positive, side="right")
    return float((below + not_above).mean() / (2 * len(negative)))


def similarity_histogram(
    positive: np.ndarray, negative: np.ndarray, bins: int = 50
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Shares of positive and negative pairs by similarity, over common bins.

    Args:
        positive: Cosine similarities of positive pairs, `(n,)`.
        negative: Cosine similarities of negative pairs, `(m,)`.
        bins: Number of bins, from the lowest similarity to 1.

    Returns:
        `(edges, positive, negative)`: float64 `(bins + 1,)`, and shares `(bins,)`
        that add up to 1 each.

    Raises:
        ValueError: If either is empty or `bins` is below 1.

    Example:
    >>> similarity_histogram(np.array([1.0]), np.array([0.0, 0.9]), bins=2)[2]
    array([0.5, 0.5])
    """
    if bins < 1 or not np.size(positive) or not np.size(negative):
        raise ValueError(
            "A histogram needs both kinds of pairs and a bin. Received: "
            f"{np.size(positive)} positive, {np.size(negative)} negative, bins={bins}"
        )
    low = min(float(np.min(positive)), float(np.min(negative)), 1.0 - 1e-3)
    edges = np.linspace(max(low, -1.0), 1.0, bins + 1)
    counts = [
        np.histogram(np.clip(x, edges[0], 1.0), edges)[0] for x in (positive, negative)
    ]
    return edges, counts[0] / counts[0].sum(), counts[1] / counts[1].sum()


def feature_rows(name: str, features: np.ndarray) -> np.ndarray:
    """Checks features of at least two examples, and makes them float32."""
    array = features_array(name, features).astype(np.float32)
    if len(array) < 2:
        raise ValueError(
            f"`{name}` must be of at least 2 examples. Received: shape={array.shape}"
        )
    return array


def sample(rows: np.ndarray) -> np.ndarray:
    """Takes at most 1,024 rows, evenly spaced: all pairs of them are few."""
    return np.asarray(rows, np.float32)[:: -(-len(rows) // _PAIR_ROWS)]
