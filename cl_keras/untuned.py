# SPDX-License-Identifier: Apache-2.0
"""Pipelines that TensorFlow does not tune while they run."""

from __future__ import annotations

import tensorflow as tf


def untuned(dataset: tf.data.Dataset) -> tf.data.Dataset:
    """Leaves out the thread that tunes a pipeline.

    It sleeps as long as it has run, a minute at most, and where an iterator ends it
    may be waited for (TensorFlow 2.21). Without it, what `AUTOTUNE` stands for is one
    call a core, 16 at most.
    """
    options = tf.data.Options()
    options.autotune.enabled = False
    return dataset.with_options(options)


def ahead(dataset: tf.data.Dataset, count: int = tf.data.AUTOTUNE) -> tf.data.Dataset:
    """Makes elements ahead of time: `count`, or as many as TensorFlow finds useful."""
    return untuned(dataset.prefetch(count))
