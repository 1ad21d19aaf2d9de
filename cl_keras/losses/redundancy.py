# SPDX-License-Identifier: Apache-2.0
"""Losses without negatives that keep the dimensions of embeddings apart."""

from __future__ import annotations

import tensorflow as tf

from cl_keras import distribute
from cl_keras.losses.similarity import check_negatives, check_pairs

_EPSILON = 1e-5  # Of the variance that Barlow Twins divides by.
_DEVIATION_EPSILON = 1e-4  # Of the variance whose root VICReg takes.
_LEAST_VARIANCE = 1e-12  # That CCA-SSG divides by.


def barlow_twins(view1: tf.Tensor, view2: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """How far the correlations of two views are from the identity.

    Both views of the global batch are standardised, dimension by dimension.

    Args:
        view1: (b, D) float embeddings of the first views.
        view2: (b, D) float embeddings of the second views, in the same order.

    Returns:
        Two float32 scalars, the same on every replica: invariance, the sum of
        `(1 - C_ii)^2`, and redundancy, the sum of `C_ij^2` of different dimensions.

    Raises:
        ValueError: If shapes differ or the global batch has one example.

    Reference:
        Zbontar et al. (2021), Barlow Twins, arXiv:2103.03230, equations 1 and 2.

    Example:
    >>> views = tf.constant([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
    >>> [round(float(x), 3) for x in barlow_twins(views, -views)]
    [8.0, 0.0]
    """
    first, second = (_standardized(x) for x in _gathered(view1, view2))
    rows = tf.cast(tf.shape(first)[0], tf.float32)
    diagonal, others = _products(first, second / rows)
    return tf.reduce_sum(tf.square(1.0 - diagonal)), others


def vicreg(
    view1: tf.Tensor, view2: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Invariance, variance and covariance of two views.

    Args:
        view1: (b, D) float embeddings of the first views.
        view2: (b, D) float embeddings of the second views, in the same order.

    Returns:
        Invariance, (b,) mean squared differences, one an example; variance, how far
        the deviations of dimensions are below 1, the mean over both views; and
        covariance, the squares of those of different dimensions, over D, summed over
        both views. The last two are scalars, the same on every replica.

    Raises:
        ValueError: If shapes differ or the global batch has one example.

    Reference:
        Bardes, Ponce and LeCun (2022), VICReg, arXiv:2105.04906, equations 1 to 5.
        Deviation: the paper sums the variances of both views; the authors' code takes
        their mean, and so does this.

    Example:
    >>> same = tf.ones((4, 3))
    >>> invariance, variance, covariance = vicreg(same, same)
    >>> float(variance), float(covariance)
    (0.99..., 0.0)
    """
    view1, view2 = tf.cast(view1, tf.float32), tf.cast(view2, tf.float32)
    variance, covariance = [], []
    for rows in _gathered(view1, view2):
        rows -= tf.reduce_mean(rows, axis=0)
        scaled = rows / (tf.cast(tf.shape(rows)[0], tf.float32) - 1.0)
        own, others = _products(rows, scaled)
        deviation = tf.sqrt(own + _DEVIATION_EPSILON)
        variance.append(tf.reduce_mean(tf.nn.relu(1.0 - deviation)))
        covariance.append(others / rows.shape[1])
    invariance = tf.reduce_mean(tf.square(view1 - view2), axis=-1)
    return invariance, tf.add_n(variance) / 2.0, tf.add_n(covariance)


def cca_ssg(view1: tf.Tensor, view2: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """How much two views correlate, and how far their dimensions are from apart.

    Both views of the global batch are standardised, dimension by dimension, with the
    deviation of `n - 1`; a dimension without any counts as 0.

    Args:
        view1: (b, D) float embeddings of the first views.
        view2: (b, D) float embeddings of the second views, in the same order.

    Returns:
        Two float32 scalars, the same on every replica: invariance, minus the trace of
        the correlation between the views; and decorrelation, the squared distance of
        each view's own correlations from the identity, summed over both views.

    Raises:
        ValueError: If shapes differ or the global batch has one example.

    Reference:
        Zhang et al. (2021), From Canonical Correlation Analysis to Self-supervised
        Graph Neural Networks, arXiv:2106.12484, equation 5, in the form of the authors'
        code: products are divided by n, so a correlation with oneself is 1 - 1/n.

    Example:
    >>> views = tf.constant([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
    >>> [round(float(x), 3) for x in cca_ssg(views, views)]
    [-1.5, 0.25]
    """
    first, second = (_unit_deviation(x) for x in _gathered(view1, view2))
    rows = tf.cast(tf.shape(first)[0], tf.float32)
    decorrelation = []
    for view in (first, second):
        own, others = _products(view, view / rows)
        decorrelation.append(tf.reduce_sum(tf.square(1.0 - own)) + others)
    return -tf.reduce_sum(first * second) / rows, tf.add_n(decorrelation)


def _gathered(view1: tf.Tensor, view2: tf.Tensor) -> list[tf.Tensor]:
    """Both views of all replicas, float32."""
    view1, view2 = tf.cast(view1, tf.float32), tf.cast(view2, tf.float32)
    check_pairs(view1, view2, ("view1", "view2"))
    all1, all2 = distribute.all_gather(view1), distribute.all_gather(view2)
    check_negatives(all1, "Statistics of a batch need at least two examples.")
    return [all1, all2]


def _standardized(rows: tf.Tensor) -> tf.Tensor:
    mean, variance = tf.nn.moments(rows, axes=[0])
    return (rows - mean) * tf.math.rsqrt(variance + _EPSILON)


def _unit_deviation(rows: tf.Tensor) -> tf.Tensor:
    """Columns of mean 0 and the deviation of n - 1, without an epsilon beside it."""
    rows -= tf.reduce_mean(rows, axis=0)
    count = tf.cast(tf.shape(rows)[0], tf.float32)
    variance = tf.reduce_sum(tf.square(rows), axis=0) / (count - 1.0)
    return rows * tf.math.rsqrt(tf.maximum(variance, _LEAST_VARIANCE))


def _products(first: tf.Tensor, second: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Diagonal of `first' second`, and the sum of the squares of all else."""
    diagonal = tf.reduce_sum(first * second, axis=0)
    if first.shape[0] is not None and first.shape[0] < first.shape[1]:
        # The same sum of the smaller products of rows.
        of_first = tf.matmul(first, first, transpose_b=True)
        squares = of_first * tf.matmul(second, second, transpose_b=True)
    else:
        squares = tf.square(tf.matmul(first, second, transpose_a=True))
    return diagonal, tf.reduce_sum(squares) - tf.reduce_sum(tf.square(diagonal))
