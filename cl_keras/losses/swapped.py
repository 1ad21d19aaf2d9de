# SPDX-License-Identifier: Apache-2.0
"""Cross-entropy between what views are assigned to."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from cl_keras.losses.similarity import check_temperature


def swapped_prediction(
    targets: Sequence[tf.Tensor], scores: Sequence[tf.Tensor], temperature: float
) -> tf.Tensor:
    """Cross-entropy of each view's target with all other views' scores.

    Args:
        targets: Of the first views, (b, K) distributions each; no gradient flows.
        scores: Of all views, (b, K) each, in the same order.
        temperature: That scores are divided by.

    Returns:
        (b,) float32 losses, one an example: the mean over pairs of different views.

    Raises:
        ValueError: If the temperature is not positive, or there are not two views.

    Reference:
        Caron et al. (2020), Unsupervised Learning of Visual Features by Contrasting
        Cluster Assignments, arXiv:2006.09882, equation 6.

    Example:
    >>> scores = [tf.zeros((2, 4)), tf.zeros((2, 4))]
    >>> swapped_prediction([tf.fill((2, 4), 0.25)], scores, 0.1).numpy().round(4)
    array([1.3863, 1.3863], dtype=float32)
    """
    check_temperature(temperature)
    if len(scores) < 2 or len(targets) > len(scores):
        raise ValueError(
            "Expected two views or more, and targets of the first ones. Received: "
            f"{len(targets)} targets of {len(scores)} views"
        )
    logs = [tf.nn.log_softmax(tf.cast(x, tf.float32) / temperature) for x in scores]
    entropies = [
        -tf.reduce_sum(tf.stop_gradient(target) * log, axis=-1)
        for place, target in enumerate(targets)
        for other, log in enumerate(logs)
        if other != place
    ]
    return tf.add_n(entropies) / len(entropies)
