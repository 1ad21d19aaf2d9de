# SPDX-License-Identifier: Apache-2.0
"""Batches that a network sees in groups, each with batch statistics of its own."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf


def in_groups(
    network: Callable[[tf.Tensor], tf.Tensor],
    rows: tf.Tensor,
    groups: int,
    order: tf.Tensor | None = None,
) -> tf.Tensor:
    """Applies a network to equal groups of the rows, taken in an order.

    Gives the rows back in their own order. The batch normalisation of the network sees
    one group at a time; of replicas, that of each together.

    Raises InvalidArgumentError if the rows cannot be divided.
    """
    count = tf.shape(rows)[0]
    tf.debugging.assert_equal(
        count % groups,
        0,
        f"Expected a batch, of each replica, that {groups} groups divide.",
    )
    if order is not None:
        rows = tf.gather(rows, order)
    outputs = tf.concat([network(part) for part in tf.split(rows, groups)], axis=0)
    return outputs if order is None else tf.gather(outputs, tf.argsort(order))
