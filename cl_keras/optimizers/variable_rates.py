# SPDX-License-Identifier: Apache-2.0
"""Learning rates of some variables that differ from that of the others."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import keras
import tensorflow as tf

_MARK = "keeps_peak_rate"


def keep_peak_rate(variables: Iterable[keras.Variable]) -> None:
    """Marks variables whose rate stays at the schedule's peak.

    The mark is not saved: what owns the variables sets it whenever it is made.
    """
    for variable in variables:
        setattr(variable, _MARK, True)


class VariableRates(keras.optimizers.Optimizer):
    """What optimizers share that follow the marks; others know nothing of them.

    Decay apart from the gradient, as AdamW's, follows the schedule for all variables.
    """

    def build(self, variables: list[keras.Variable]) -> None:
        """Looks the marks up: the step sees bare variables.

        Args:
            variables: What is trained.
        """
        super().build(variables)
        self._keeps_peak = [getattr(v, _MARK, False) for v in variables]

    def rate_of(self, variable: Any, rate: tf.Tensor) -> tf.Tensor:
        """The rate of a variable at this step, where `rate` is that of the others."""
        peak = getattr(self._learning_rate, "peak", None)
        kept = self._keeps_peak[self._get_variable_index(variable)]
        return rate if peak is None or not kept else tf.cast(peak, rate.dtype)
