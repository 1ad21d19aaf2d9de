# SPDX-License-Identifier: Apache-2.0
"""Scores of pairs: which belong together, and means over those of all replicas."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from cl_keras import distribute


class Pairs(NamedTuple):
    """Scores of pairs that belong together, and of pairs that do not.

    Attributes:
        positives: Scores of pairs drawn together, float32.
        negatives: Scores of pairs drawn apart, float32.
        keep: Which of the negatives count, bool of their shape; None for all.
    """

    positives: tf.Tensor
    negatives: tf.Tensor
    keep: tf.Tensor | None


def split(
    scores: tf.Tensor, negatives: tf.Tensor | None, excluded: tf.Tensor | None
) -> Pairs:
    """Tells the pairs that belong together from the others."""
    scores = tf.cast(scores, tf.float32)
    keep = None if excluded is None else ~tf.cast(excluded, tf.bool)
    if negatives is None:
        _check_square(scores)
        _check_mask(keep, scores)
        own = distribute.row_numbers(scores)
        others = tf.range(tf.shape(scores)[1]) != own[:, tf.newaxis]
        positives = tf.gather(scores, own, axis=1, batch_dims=1)
        negatives, keep = scores, others if keep is None else others & keep
    else:
        positives, negatives = scores, tf.cast(negatives, tf.float32)
        sizes = positives.shape.num_elements(), negatives.shape.num_elements()
        # One of several replicas may be without any; `count_pairs` counts them all.
        if 0 in sizes and distribute.num_replicas() == 1:
            raise ValueError(
                "There must be at least one positive and one negative. "
                f"Received: shapes {positives.shape} and {negatives.shape}"
            )
        _check_mask(keep, negatives)
    return Pairs(positives, negatives, keep)


def _check_square(scores: tf.Tensor) -> None:
    if scores.shape.rank != 2:
        raise ValueError(
            "`scores` must be (queries, keys), or come with `negatives`. "
            f"Received: shape {scores.shape}"
        )
    rows, columns = scores.shape
    if columns is not None and columns < 2:
        raise ValueError(
            "An estimate needs at least two keys, one of them a negative. "
            f"Received: shape {scores.shape}"
        )
    alone = distribute.num_replicas() == 1
    missing = rows is not None and columns is not None and columns < rows
    if (rows == 0 and alone) or missing:
        raise ValueError(
            "`scores` must have a key for each query: its own, in the same place. "
            f"Received: shape {scores.shape}"
        )


def _check_mask(keep: tf.Tensor | None, negatives: tf.Tensor) -> None:
    if keep is not None and not keep.shape.is_compatible_with(negatives.shape):
        raise ValueError(
            "`excluded` must have one value a negative, shape "
            f"{negatives.shape}. Received: shape {keep.shape}"
        )


def global_mean(values: tf.Tensor, keep: tf.Tensor | None = None) -> tf.Tensor:
    """Mean of the kept values of all replicas, with gradient."""
    if keep is not None:
        values = tf.where(keep, values, 0.0)
    return distribute.all_sum(tf.reduce_sum(values)) / count_pairs(values, keep)


def global_log_mean_exp(values: tf.Tensor, keep: tf.Tensor | None = None) -> tf.Tensor:
    """Log of the mean of exp over the kept values of all replicas, with gradient."""
    hidden = values if keep is None else tf.where(keep, values, values.dtype.min)
    # Sums of exp can be added across replicas only if all subtract the same number.
    top = distribute.all_gather(tf.stop_gradient(tf.reduce_max(hidden))[tf.newaxis])
    top = tf.stop_gradient(tf.reduce_max(top))
    total = distribute.all_sum(tf.reduce_sum(tf.exp(hidden - top)))
    return top + tf.math.log(total) - tf.math.log(count_pairs(values, keep))


def count_pairs(values: tf.Tensor, keep: tf.Tensor | None = None) -> tf.Tensor:
    """Counts the kept values of all replicas."""
    count = tf.size(values) if keep is None else tf.math.count_nonzero(keep)
    total = distribute.all_sum(tf.cast(count, tf.float32))
    message = (
        "There must be at least one positive and one negative, over all replicas. "
        "Received: none of one of them, such as scores of a batch of one"
    )
    with tf.control_dependencies([tf.debugging.assert_positive(total, message)]):
        return tf.identity(total)
