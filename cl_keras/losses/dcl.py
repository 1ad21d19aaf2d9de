# SPDX-License-Identifier: Apache-2.0
"""DCL and DCLW: NT-Xent without the positive in the denominator."""

from __future__ import annotations

import tensorflow as tf

from cl_keras import check, distribute
from cl_keras.losses.blockwise import logsumexp
from cl_keras.losses.similarity import (
    check_negatives,
    check_pairs,
    check_temperature,
    unit_rows,
)


def dcl(
    view1: tf.Tensor,
    view2: tf.Tensor,
    temperature: float | tf.Tensor = 0.1,
    *,
    sigma: float | None = None,
    within: bool = True,
    block_size: int | None = None,
) -> tf.Tensor:
    """Decoupled contrastive loss: views of one example are no candidates.

    Args:
        view1: (b, D) float embeddings of the first views.
        view2: (b, D) float embeddings of the second views, in the same order.
        temperature: Positive number, or a scalar tensor or variable to train.
        sigma: Gives positives that are far apart more weight (DCLW); the paper's is
            0.5. None weighs all alike.
        within: Whether first views are candidates of first views, and second of second.
            Without them it is the loss of GraphCL, in both directions.
        block_size: Rows visited at a time; by default what suits the device.

    Returns:
        (b,) float32 losses, one an example; they may be negative.

    Raises:
        ValueError: If shapes differ, the global batch has one example, or temperature
            or sigma are not positive.

    Reference:
        Yeh et al. (2022), Decoupled Contrastive Learning, arXiv:2110.06848,
        equations 6 and 7; You et al. (2020), Graph Contrastive Learning with
        Augmentations, arXiv:2010.13902, equation 3.

    Example:
    >>> dcl(tf.eye(4), tf.eye(4), temperature=0.5).numpy().round(4)
    array([-0.2082, -0.2082, -0.2082, -0.2082], dtype=float32)
    """
    view1, view2 = tf.convert_to_tensor(view1), tf.convert_to_tensor(view2)
    check_pairs(view1, view2, ("view1", "view2"))
    check_temperature(temperature)
    z1, z2 = unit_rows(view1), unit_rows(view2)
    all1, all2 = distribute.all_gather(z1), distribute.all_gather(z2)
    count = check_negatives(all1, "DCL needs at least two examples.")
    cosine = tf.reduce_sum(z1 * z2, axis=-1)
    weight: tf.Tensor | float = 1.0
    if sigma is not None:
        check.positive(sigma=sigma)
        # A softmax over the global batch; cosines are at most 1.
        share = tf.stop_gradient(tf.exp((cosine - 1.0) / sigma))
        total = distribute.all_sum(tf.reduce_sum(share))
        weight = 2.0 - tf.cast(count, tf.float32) * share / total
    local = tf.shape(z1)[0]
    own = distribute.row_offset(local) + tf.range(local)
    anchors: tuple[tf.Tensor, ...] = (z1, z2)
    keys: tuple[tf.Tensor, ...] = (all2, all1)
    if within:
        anchors, keys = (tf.concat([z1, z2], 0),), (tf.concat([all1, all2], 0),)
    sides = 2 if within else 1
    rivals = [
        logsumexp(
            anchor / temperature,
            key,
            excluded=tf.tile(own, [sides]),
            groups=tf.tile(tf.range(count), [sides]),
            block=block_size,
        )
        for anchor, key in zip(anchors, keys, strict=True)
    ]
    first, second = tf.split(tf.concat(rivals, axis=0), 2)
    return (first + second) / 2.0 - weight * cosine / temperature
