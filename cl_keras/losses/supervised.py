# SPDX-License-Identifier: Apache-2.0
"""The supervised contrastive loss."""

from __future__ import annotations

import tensorflow as tf

from cl_keras import distribute
from cl_keras.losses.by_label import label_ids, sums_by_label
from cl_keras.losses.other_views import logsumexp_of_others
from cl_keras.losses.similarity import (
    check_negatives,
    check_pairs,
    check_temperature,
    unit_rows,
)


def supcon(
    view1: tf.Tensor,
    view2: tf.Tensor,
    labels: tf.Tensor,
    temperature: float | tf.Tensor = 0.1,
    *,
    block_size: int | None = None,
) -> tf.Tensor:
    """Cross-entropy of finding all views of an example's class among all views.

    NT-Xent with more positives: of each of the 2B embeddings, all others of its label
    are positives, and its loss is the mean of theirs (the paper's L_out).

    Args:
        view1: (b, D) float embeddings of the first views.
        view2: (b, D) float embeddings of the second views, in the same order.
        labels: (b,) integers.
        temperature: Positive number, or a scalar tensor or variable to train.
        block_size: Rows visited at a time; by default what suits the device.

    Returns:
        (b,) float32 losses, one an example: the mean of its two views'.

    Raises:
        ValueError: If shapes differ, the global batch has one example, or the
            temperature is not positive.
        TypeError: If labels are no integers.

    Reference:
        Khosla et al. (2020), Supervised Contrastive Learning, arXiv:2004.11362,
        equation 2.

    Example:
    >>> views = tf.ones((3, 2))
    >>> supcon(views, views, tf.constant([0, 0, 1])).numpy().round(4)
    array([1.6094, 1.6094, 1.6094], dtype=float32)
    """
    view1, view2 = tf.convert_to_tensor(view1), tf.convert_to_tensor(view2)
    check_pairs(view1, view2, ("view1", "view2"))
    check_temperature(temperature)
    labels = label_ids(labels, "labels", view1)
    z1, z2 = unit_rows(view1), unit_rows(view2)
    all1, all2 = distribute.all_gather(z1), distribute.all_gather(z2)
    check_negatives(all1, "SupCon needs at least two examples.")
    # The mean of the positives' losses is the loss of their mean.
    sums, count = sums_by_label(all1 + all2, labels)
    positive = tf.add_n([tf.reduce_sum(z * (sums - z), axis=-1) for z in (z1, z2)]) / (
        2.0 * count[:, 0] - 1.0
    )
    others = logsumexp_of_others((z1, z2), (all1, all2), temperature, block_size)
    return (tf.add_n(others) - positive / temperature) / 2.0
