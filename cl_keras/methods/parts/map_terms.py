# SPDX-License-Identifier: Apache-2.0
"""What compares codes with maps: the local and the global term of Deep InfoMax."""

from __future__ import annotations

import math

import keras
import tensorflow as tf

from cl_keras import distribute, estimators, heads

CRITICS = ("dot", "concat")
MapCritic = estimators.DotMapCritic | estimators.ConcatMapCritic


def check_divides(critic: str, drawn: int | None) -> None:
    """Checks that codes can be compared whose images were encoded in parts."""
    if critic == "concat":
        raise ValueError(
            "`micro_batch` needs critic='dot': the network of 'concat' sees pairs of "
            "images, and would keep those of the whole batch. Received: "
            "critic='concat'"
        )
    if drawn is not None:
        raise ValueError(
            "`micro_batch` needs locations=None: locations are drawn while encoding, "
            f"and would differ from part to part. Received: locations={drawn}"
        )


def map_critic(
    kind: str, code: int, channels: int, width: int, negatives: int, name: str
) -> MapCritic:
    """Builds the critic of one term."""
    if kind == "concat":
        concat = estimators.ConcatMapCritic(width, negatives=negatives, name=name)
        concat.build((None, code), (None, None, channels))
        return concat
    return estimators.DotMapCritic(
        heads.infomax_network(code, width, "code_network"),
        heads.infomax_network(channels, width, "map_network"),
        name=name,
    )


def locations(
    maps: tf.Tensor, drawn: int | None, seeds: keras.random.SeedGenerator
) -> tf.Tensor:
    """Maps as (b, L, C), L of all locations or those drawn for this step."""
    count, channels = math.prod(maps.shape[1:-1]), maps.shape[-1]
    maps = tf.reshape(maps, [-1, count, channels])
    if drawn is None:
        return maps
    order = keras.random.shuffle(tf.range(count), seed=seeds)
    # Along the first axis: along another, the gradient of no rows fails.
    rows = tf.gather(tf.transpose(maps, [1, 0, 2]), order[:drawn])
    return tf.ensure_shape(tf.transpose(rows, [1, 0, 2]), [None, drawn, channels])


def loss(
    objective: str, positives: tf.Tensor, negatives: tf.Tensor, excluded: tf.Tensor
) -> tf.Tensor:
    """What Deep InfoMax trains: 0, or the logarithm of a count, for constant scores."""
    if objective == "jsd":
        # The authors' code adds 2 ln 2 to the paper's equation 4.
        return -estimators.jsd(positives, negatives, excluded=excluded) - math.log(4.0)
    if objective == "dv":
        return -estimators.donsker_varadhan(positives, negatives, excluded=excluded)
    # Every code has as many negatives as the first, which another replica may have.
    counts = tf.math.count_nonzero(~excluded, axis=1, dtype=tf.float32)
    count = distribute.all_gather(counts)[0]
    bound = estimators.info_nce(positives, negatives, excluded=excluded)
    return tf.math.log1p(count) - bound


def share_above(
    positives: tf.Tensor, negatives: tf.Tensor, excluded: tf.Tensor
) -> tf.Tensor:
    """Share of positives, on all replicas, above all negatives of their code."""
    rivals = tf.where(excluded, negatives.dtype.min, negatives)
    above = positives > tf.reduce_max(rivals, axis=1, keepdims=True)
    share = tf.reduce_mean(tf.cast(above, tf.float32), axis=1)
    return distribute.all_sum(distribute.replica_share(share))
