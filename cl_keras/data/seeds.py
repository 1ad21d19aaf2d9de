# SPDX-License-Identifier: Apache-2.0
"""Random numbers in tf.data pipelines that repeat."""

from __future__ import annotations

import tensorflow as tf


def with_seeds(batches: tf.data.Dataset, seed: int) -> tf.data.Dataset:
    """Gives each batch a seed of its own, for stateless random operations.

    Args:
        batches: A dataset.
        seed: Two datasets of one seed get the same sequence of seeds, which differs
            from epoch to epoch. As everywhere in tf.data, the sequence also follows
            `tf.random.set_seed`.

    Returns:
        A dataset of `(element, seed)`, the latter two int64.

    Example:
    >>> [seed.shape for _, seed in with_seeds(tf.data.Dataset.range(2), seed=0)]
    [TensorShape([2]), TensorShape([2])]
    """
    seeds = tf.data.Dataset.random(seed=seed, rerandomize_each_iteration=True)
    return tf.data.Dataset.zip(batches, seeds.batch(2, drop_remainder=True))
