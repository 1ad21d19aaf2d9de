# SPDX-License-Identifier: Apache-2.0
"""Soft assignments that use all clusters alike."""

from __future__ import annotations

import tensorflow as tf

from cl_keras import check, distribute


def sinkhorn(
    scores: tf.Tensor,
    epsilon: float = 0.05,
    iterations: int = 3,
    *,
    further: tf.Tensor | None = None,
) -> tf.Tensor:
    """Assigns rows to columns, all columns sharing the rows of the batch evenly.

    Rows and columns of `exp(scores / epsilon)` are normalised in turn, those of all
    replicas together; each row ends as a distribution. No gradient flows. Computed
    with logarithms, so that no score is too large.

    Args:
        scores: (b, K) float scores of this replica's rows, such as cosines with K
            prototypes.
        epsilon: Temperature; small values make distributions sharp.
        iterations: Times that columns and rows are normalised.
        further: (M, K) scores of further rows, such as those of a queue, the same on
            every replica; columns are shared with them, too.

    Returns:
        (b, K) float32, each row a distribution.

    Raises:
        ValueError: If epsilon or iterations are not positive.

    Reference:
        Caron et al. (2020), Unsupervised Learning of Visual Features by Contrasting
        Cluster Assignments, arXiv:2006.09882, section 3.1; Cuturi (2013), Sinkhorn
        Distances, arXiv:1306.0895.

    Example:
    >>> sinkhorn(tf.eye(2)).numpy().round(3)
    array([[1., 0.],
           [0., 1.]], dtype=float32)
    """
    check.positive(epsilon=epsilon)
    check.at_least(1, iterations=iterations)
    scores = tf.stop_gradient(tf.cast(scores, tf.float32))
    logits = distribute.all_gather(scores)
    if further is not None:
        further = tf.stop_gradient(tf.cast(further, tf.float32))
        logits = tf.concat([logits, further], axis=0)
    logits /= epsilon
    for _ in range(iterations):
        logits -= tf.reduce_logsumexp(logits, axis=0, keepdims=True)
        logits -= tf.reduce_logsumexp(logits, axis=1, keepdims=True)
    rows = tf.shape(scores)[0]
    start = distribute.row_offset(rows)
    return tf.ensure_shape(tf.exp(logits[start : start + rows]), scores.shape)
