# SPDX-License-Identifier: Apache-2.0
"""Total coding rate: how much volume the embeddings of a batch take up."""

from __future__ import annotations

import tensorflow as tf

from cl_keras import check, distribute


def coding_rate(embeddings: tf.Tensor, epsilon: float = 0.2) -> tf.Tensor:
    """Half the log-determinant of `I + D / (B epsilon) Z'Z`, Z of all replicas.

    Args:
        embeddings: (b, D) float rows, usually of length 1.
        epsilon: Precision; smaller values weigh weak directions more.

    Returns:
        float32 scalar, the same on every replica.

    Raises:
        ValueError: If epsilon is not positive.

    Reference:
        Yu et al. (2020), Learning Diverse and Discriminative Representations via the
        Principle of Maximal Coding Rate Reduction, arXiv:2006.08558, equation 1.
        Deviation: epsilon is not squared, as in the code of EMP-SSL.

    Example:
    >>> round(float(coding_rate(tf.eye(4), epsilon=1.0)), 4)
    1.3863
    """
    check.positive(epsilon=epsilon)
    rows = tf.cast(distribute.all_gather(embeddings), tf.float32)
    count, width = rows.shape[0], rows.shape[1]
    # The determinant is the same of the smaller of both products.
    wide = count is not None and count < width
    product = tf.matmul(rows, rows, transpose_a=not wide, transpose_b=wide)
    scale = width / (tf.cast(tf.shape(rows)[0], tf.float32) * epsilon)
    identity = tf.eye(tf.shape(product)[0])
    return 0.5 * tf.linalg.logdet(identity + scale * product)
