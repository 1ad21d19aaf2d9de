# SPDX-License-Identifier: Apache-2.0
"""Losses of distances with a margin: of pairs and of triplets."""

from __future__ import annotations

import tensorflow as tf

from cl_keras import check, distribute
from cl_keras.losses.by_label import label_ids
from cl_keras.losses.similarity import check_pairs


def contrastive_pairs(
    first: tf.Tensor, second: tf.Tensor, same: tf.Tensor, margin: float = 1.0
) -> tf.Tensor:
    """Squared distance of pairs that belong together, squared lack of it of others.

    Args:
        first: (b, D) float embeddings.
        second: (b, D) float embeddings; row n of both is a pair.
        same: (b,) booleans or 0 and 1: whether the pair belongs together.
        margin: Distance that others should have.

    Returns:
        (b,) float32 losses: d^2, or max(margin - d, 0)^2.

    Raises:
        ValueError: If shapes differ or the margin is not positive.

    Reference:
        Hadsell, Chopra and LeCun (2006), Dimensionality Reduction by Learning an
        Invariant Mapping, equation 4. Deviation, as in TensorFlow Addons: without the
        factor 1/2.

    Example:
    >>> contrastive_pairs([[0.0], [0.0]], [[0.5], [0.5]], [True, False]).numpy()
    array([0.25, 0.25], dtype=float32)
    """
    check.positive(margin=margin)
    first, second = tf.convert_to_tensor(first), tf.convert_to_tensor(second)
    check_pairs(first, second, ("first", "second"))
    same = tf.cast(same, tf.bool)
    if not same.shape.is_compatible_with(first.shape[:1]):
        raise ValueError(
            f"`same` must have one value a pair, shape {tuple(first.shape[:1])}. "
            f"Received: shape {tuple(same.shape)}"
        )
    difference = tf.cast(first, tf.float32) - tf.cast(second, tf.float32)
    squares = tf.reduce_sum(tf.square(difference), axis=-1)
    lack = tf.maximum(margin - _root(squares), 0.0)
    return tf.where(same, squares, tf.square(lack))


def triplet_semi_hard(
    embeddings: tf.Tensor, labels: tf.Tensor, margin: float = 1.0
) -> tf.Tensor:
    """Asks of each positive pair that the next negative be farther by a margin.

    Each example is an anchor, each other one of its label a positive. Its negative is
    the nearest example of another label that is farther than the positive, or, where
    there is none, the farthest. All replicas' examples are candidates.

    Args:
        embeddings: (b, D) floats, of unit length in the paper.
        labels: (b,) integers.
        margin: Of the Euclidean distances.

    Returns:
        (b,) float32 losses, one an anchor, whose mean over the global batch is that
        over all positive pairs; 0 without a positive or a negative.

    Raises:
        ValueError: If shapes differ or the margin is not positive.
        TypeError: If labels are no integers.

    Reference:
        Schroff, Kalenichenko and Philbin (2015), FaceNet, arXiv:1503.03832, section
        3.2. Deviation, as in TensorFlow Addons: distances, not their squares.

    Example:
    >>> points = tf.constant([[0.0], [1.0], [1.5]])
    >>> triplet_semi_hard(points, tf.constant([0, 0, 1])).numpy().round(2)
    array([0.75, 2.25, 0.  ], dtype=float32)
    """
    check.positive(margin=margin)
    embeddings = tf.cast(tf.convert_to_tensor(embeddings), tf.float32)
    check_pairs(embeddings, embeddings, ("embeddings", "embeddings"))
    labels = label_ids(labels, "labels", embeddings)
    everyone, all_labels = (distribute.all_gather(x) for x in (embeddings, labels))
    distances = _root(_squared_distances(embeddings, everyone))
    alike = labels[:, tf.newaxis] == all_labels
    itself = distribute.row_numbers(embeddings)[:, tf.newaxis]
    positive = alike & (tf.range(tf.shape(all_labels)[0]) != itself)
    none = tf.float32.max
    # Sorted, the first negative beyond each positive is one search away.
    negatives = tf.sort(tf.where(alike, none, distances), axis=-1)
    place = tf.searchsorted(negatives, distances, side="right")
    last = tf.shape(negatives)[-1] - 1
    beyond = tf.gather(negatives, tf.minimum(place, last), axis=1, batch_dims=1)
    farthest = tf.reduce_max(tf.where(alike, -none, distances), axis=-1, keepdims=True)
    found = (place <= last) & (beyond < none)
    negative = tf.where(found, beyond, farthest)
    counts = positive & tf.reduce_any(~alike, axis=-1, keepdims=True)
    hinges = tf.maximum(margin + distances - negative, 0.0)
    sums = tf.reduce_sum(tf.where(counts, hinges, 0.0), axis=-1)
    pairs = distribute.all_sum(tf.math.count_nonzero(counts, dtype=tf.float32))
    anchors = tf.cast(tf.shape(all_labels)[0], tf.float32)
    return tf.math.divide_no_nan(sums * anchors, pairs)


def _squared_distances(rows: tf.Tensor, others: tf.Tensor) -> tf.Tensor:
    """By products, for memory's sake: differences would take b * B * D numbers."""
    lengths, other_lengths = (
        tf.reduce_sum(tf.square(x), axis=-1) for x in (rows, others)
    )
    products = tf.matmul(rows, others, transpose_b=True)
    return lengths[:, tf.newaxis] + other_lengths - 2.0 * products


def _root(squares: tf.Tensor) -> tf.Tensor:
    """Square root whose gradient at 0 is 0."""
    safe = tf.where(squares > 0.0, squares, 1.0)
    return tf.where(squares > 0.0, tf.sqrt(safe), 0.0)
