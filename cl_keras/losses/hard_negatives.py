# SPDX-License-Identifier: Apache-2.0
"""Negatives that are weighed by how near they are, or allowed for by the positive."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from cl_keras import check


def check_weights(hardness: float, debias: float) -> None:
    """Checks how negatives are weighed."""
    check.not_negative(hardness=hardness)
    if not 0.0 <= debias < 1.0:
        raise ValueError(f"Expected `debias` in [0, 1). Received: debias={debias}")


def weighed(
    rivals: Callable[[float], tf.Tensor],
    positive: tf.Tensor,
    count: tf.Tensor,
    temperature: float | tf.Tensor,
    hardness: float,
    debias: float,
) -> tf.Tensor:
    """Logarithm of the weighed sum of each query's negatives, (b,).

    `rivals(scale)` is the log-sum-exp of their products times `scale`.
    """
    check_weights(hardness, debias)
    number = tf.math.log(tf.cast(count, tf.float32))
    # exp(hardness * product) over its mean is the weight of exp(product).
    total = rivals(1.0 + hardness)
    total -= rivals(hardness) - number if hardness else 0.0
    if not debias:
        return total
    # What is left of the sum, and at least what products of -1 would give.
    share = tf.minimum(number + tf.math.log(debias) + positive - total, -1e-6)
    left = total + tf.math.log(-tf.math.expm1(share)) - tf.math.log(1.0 - debias)
    return tf.maximum(left, number - 1.0 / temperature)
