# SPDX-License-Identifier: Apache-2.0
"""What losses with several positives know of labels."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from cl_keras import distribute


def label_ids(ids: Any, name: str, queries: tf.Tensor) -> tf.Tensor:
    """Labels or groups as (b,) int32, one a query."""
    ids = tf.convert_to_tensor(ids)
    if not ids.dtype.is_integer:
        raise TypeError(f"`{name}` must be integers. Received: {ids.dtype.name}")
    if not ids.shape.is_compatible_with(queries.shape[:1]):
        raise ValueError(
            f"`{name}` must have shape ({queries.shape[0] or 'batch'},), one a query. "
            f"Received: shape {ids.shape}"
        )
    return tf.ensure_shape(tf.cast(ids, tf.int32), queries.shape[:1])


def sums_by_label(keys: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """For each label here, the sum of the gathered keys that have it; their number.

    Keys are those of all replicas, (B, D); labels (b,). Returns (b, D) and (b, 1).
    """
    all_labels = distribute.all_gather(labels)
    # Numbers of labels without `tf.unique`, whose size XLA cannot know.
    ordered = tf.sort(all_labels)
    number, count = tf.searchsorted(ordered, all_labels), tf.size(all_labels)
    sums = tf.math.unsorted_segment_sum(keys, number, count)
    sizes = tf.math.unsorted_segment_sum(tf.ones_like(keys[:, :1]), number, count)
    own = tf.searchsorted(ordered, labels)
    return tf.gather(sums, own), tf.gather(sizes, own)
