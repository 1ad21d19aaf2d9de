# SPDX-License-Identifier: Apache-2.0
"""What outputs of a target network are on average."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from cl_keras import check, distribute


class Center(keras.layers.Layer):
    """A moving average of rows, those of all replicas; it starts at 0.

    Args:
        width: Width of a row.
        momentum: Share of the average that stays at each step.
        **kwargs: Of `keras.layers.Layer`.

    Raises:
        ValueError: If the width is not positive or the momentum not in [0, 1].

    Reference: Caron et al. (2021), Emerging Properties in Self-Supervised Vision
    Transformers, arXiv:2104.14294, equation 4.
    """

    def __init__(self, width: int, momentum: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check.positive(width=width)
        check.between(0, 1, momentum=momentum)
        self.momentum = momentum
        self.value = self.add_weight(
            shape=(width,), initializer="zeros", trainable=False, name="value"
        )
        self.built = True

    def follow(self, views: Sequence[tf.Tensor]) -> None:
        """Moves the average towards the mean of all rows of all views."""
        rows = tf.concat(views, axis=0)
        total = distribute.all_sum(tf.reduce_sum(rows, axis=0))
        count = distribute.all_sum(tf.cast(tf.shape(rows)[0], rows.dtype))
        distribute.ema(self.value, total / count, self.momentum)
