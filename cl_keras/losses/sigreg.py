# SPDX-License-Identifier: Apache-2.0
"""SIGReg: how far embeddings are from an isotropic Gaussian."""

from __future__ import annotations

import tensorflow as tf

from cl_keras import distribute

# Points and end of the integral of the Epps-Pulley statistic, as in the authors' code.
_POINTS = 17
_END = 3.0


def sigreg(embeddings: tf.Tensor, directions: tf.Tensor) -> tf.Tensor:
    """Epps-Pulley statistic against N(0, 1), the mean over directions.

    Along each direction, the characteristic function of the global batch is compared
    with that of a standard Gaussian.

    Args:
        embeddings: (b, D) float rows.
        directions: (D, M) float columns of length 1, the same on every replica.

    Returns:
        float32 scalar, the same on every replica.

    Reference:
        Balestriero and LeCun (2025), LeJEPA, arXiv:2511.08544, algorithm 1.

    Example:
    >>> rows = tf.random.stateless_normal((2048, 4), (0, 1))
    >>> float(sigreg(rows, tf.eye(4))) < 2.0 < float(sigreg(3.0 * rows, tf.eye(4)))
    True
    """
    rows = tf.cast(embeddings, tf.float32)
    step = _END / (_POINTS - 1)
    points = tf.linspace(0.0, _END, _POINTS)
    gaussian = tf.exp(-tf.square(points) / 2.0)
    # The trapezoidal rule, doubled: the integrand is even.
    ends = tf.one_hot([0, _POINTS - 1], _POINTS)
    weights = step * (2.0 - tf.reduce_sum(ends, axis=0)) * gaussian
    angles = tf.matmul(rows, directions)[..., tf.newaxis] * points
    count = distribute.all_sum(tf.cast(tf.shape(rows)[0], tf.float32))
    real = distribute.all_sum(tf.reduce_sum(tf.cos(angles), axis=0)) / count
    imaginary = distribute.all_sum(tf.reduce_sum(tf.sin(angles), axis=0)) / count
    error = tf.square(real - gaussian) + tf.square(imaginary)
    return count * tf.reduce_mean(tf.reduce_sum(error * weights, axis=-1))
