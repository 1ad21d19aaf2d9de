# SPDX-License-Identifier: Apache-2.0
"""What the losses share: checks of their inputs and rows of unit length."""

from __future__ import annotations

import tensorflow as tf

from cl_keras import check


def check_pairs(first: tf.Tensor, second: tf.Tensor, names: tuple[str, str]) -> None:
    """Raises unless both are (b, D) alike, row i of one belonging to row i of two."""
    for name, value in zip(names, (first, second), strict=True):
        if value.shape.rank != 2 or value.shape[-1] is None:
            raise ValueError(
                f"`{name}` must have shape (batch, features). "
                f"Received: shape {value.shape}"
            )
    if not first.shape.is_compatible_with(second.shape):
        raise ValueError(
            f"`{names[0]}` and `{names[1]}` must have the same shape, row i of one "
            f"matching row i of the other. Received: {first.shape} and {second.shape}"
        )


def check_negatives(candidates: tf.Tensor, message: str) -> int | tf.Tensor:
    """Checks that there is a negative, now or, of a batch of open size, in the step."""
    count = candidates.shape[0]
    if count is None:
        count = tf.shape(candidates)[0]
        message = f"{message} Received: a smaller global batch."
        with tf.control_dependencies([tf.debugging.assert_greater(count, 1, message)]):
            return tf.identity(count)
    if count < 2:
        raise ValueError(f"{message} Received: a global batch of {count}.")
    return count


def check_temperature(temperature: float | tf.Tensor) -> None:
    """Raises for a Python number that cannot be a temperature."""
    if temperature is None or isinstance(temperature, bool | str | list | dict):
        raise TypeError(
            "`temperature` must be a number, or a tensor or variable to train. "
            f"Received: temperature={temperature!r}"
        )
    if isinstance(temperature, int | float):
        check.positive(temperature=temperature)


def unit_rows(rows: tf.Tensor) -> tf.Tensor:
    """Casts to float32 and scales each row to length 1 (zero rows stay zero)."""
    return tf.math.l2_normalize(tf.cast(rows, tf.float32), axis=-1)
