# SPDX-License-Identifier: Apache-2.0
"""Learning rates of some variables that differ from that of the others."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import keras
import tensorflow as tf

# Marks are not saved: what owns the variables sets them whenever it is made.
_PEAK, _FACTOR = "keeps_peak_rate", "rate_factor"


def keep_peak_rate(variables: Iterable[keras.Variable]) -> None:
    """Marks variables whose rate stays at the schedule's peak."""
    for variable in variables:
        setattr(variable, _PEAK, True)


def multiply_rate(variables: Iterable[keras.Variable], factor: float) -> None:
    """Marks variables whose rate is a multiple of that of the others."""
    for variable in variables:
        setattr(variable, _FACTOR, factor)


class VariableRates(keras.optimizers.Optimizer):
    """What optimizers share that follow the marks; others know nothing of them.

    Decay apart from the gradient, as AdamW's, follows the schedule for all variables.
    """

    def rate_of(self, variable: Any, rate: tf.Tensor) -> tf.Tensor:
        """The rate of a variable at this step, where `rate` is that of the others."""
        # The step sees bare variables; marks are on Keras's own.
        marked = self._trainable_variables[self._get_variable_index(variable)]
        peak = getattr(self._learning_rate, "peak", None)
        if peak is not None and getattr(marked, _PEAK, False):
            rate = tf.cast(peak, rate.dtype)
        return rate * getattr(marked, _FACTOR, 1.0)

    def update_step(
        self, gradient: tf.Tensor, variable: keras.Variable, learning_rate: tf.Tensor
    ) -> None:
        """Updates one variable, at its own rate.

        Args:
            gradient: Of the variable's shape.
            variable: The variable.
            learning_rate: Scalar.
        """
        rate = self.rate_of(variable, learning_rate)
        super().update_step(gradient, variable, rate)
