# SPDX-License-Identifier: Apache-2.0
"""A function of each row of a batch, of which one that fails does not fail the others.

TensorFlow has no way to catch an error but in `tf.data`: so the rows go through a
pipeline inside the graph, which leaves out those that fail. It runs in the C++ loader
of a served graph, and in the pipelines of training.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

#: Rows at the same time, at the most: what TensorFlow chooses where it does not tune.
DECODED_AT_ONCE = 16


def good_rows(examples: Any, function: Callable[[Any], Any]) -> tuple[Any, tf.Tensor]:
    """Applies a function to each row; rows on which it fails give zeros."""

    # AutoGraph would take seconds to find that there is nothing for it to do.
    @tf.autograph.experimental.do_not_convert
    def apply(row: tf.Tensor, example: Any) -> tuple[tf.Tensor, Any]:
        return row, function(example)

    count = tf.shape(tf.nest.flatten(examples)[0], tf.int64)[0]
    rows = tf.data.Dataset.from_tensor_slices((tf.range(count), examples))
    rows = rows.map(
        apply, num_parallel_calls=tf.data.AUTOTUNE, deterministic=False
    ).ignore_errors()
    # One more, of zeros: the batch is never empty, and bad rows are taken from it.
    nothing = tf.nest.map_structure(
        lambda spec: tf.zeros([n or 0 for n in spec.shape], spec.dtype),
        rows.element_spec[1],
    )
    rows = rows.concatenate(tf.data.Dataset.from_tensors((count, nothing)))
    shapes = tf.nest.map_structure(lambda spec: spec.shape, rows.element_spec)
    closed = all(shape.is_fully_defined() for shape in tf.nest.flatten(shapes))
    rows = (
        rows.batch(count + 1) if closed else rows.padded_batch(count + 1, shapes)
    ).with_options(_options())
    order, values = rows.get_single_element()
    last = tf.size(order) - 1
    places = tf.tensor_scatter_nd_update(
        tf.fill([count + 1], last), order[:, tf.newaxis], tf.range(last + 1)
    )[:-1]
    taken = tf.nest.map_structure(lambda value: tf.gather(value, places), values)
    return taken, places < last


def _options() -> tf.data.Options:
    """Nothing that takes longer to set up than a small request takes."""
    options = tf.data.Options()
    options.autotune.enabled = False
    options.experimental_optimization.apply_default_optimizations = False
    options.experimental_warm_start = False
    return options
