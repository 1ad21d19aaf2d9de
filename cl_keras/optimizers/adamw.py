# SPDX-License-Identifier: Apache-2.0
"""AdamW that remembers which weights it does not decay."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from cl_keras.optimizers.variable_rates import VariableRates


@keras.saving.register_keras_serializable(package="cl_keras")
class AdamW(VariableRates, keras.optimizers.AdamW):
    """`keras.optimizers.AdamW` with exclusions that are saved with the model.

    `exclude_from_weight_decay` of Keras is forgotten when a model is saved: training
    that goes on from a file would decay weights that it did not before.

    Args:
        learning_rate: As in Keras.
        weight_decay: As in Keras.
        exclude: Words; a variable with one of them in its name is not decayed. By
            default biases, normalisation weights and the slopes of PReLU, as in the
            recipes of the field.
        **kwargs: Of `keras.optimizers.AdamW`.

    Reference:
        Loshchilov and Hutter (2019), arXiv:1711.05101, algorithm 2.

    Example:
    >>> AdamW(1e-3).get_config()["exclude"]
    ['bias', 'gamma', 'beta', 'scale', 'alpha']
    """

    def __init__(
        self,
        learning_rate: float | keras.optimizers.schedules.LearningRateSchedule = 1e-3,
        weight_decay: float = 4e-3,
        exclude: Sequence[str] = ("bias", "gamma", "beta", "scale", "alpha"),
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate, weight_decay=weight_decay, **kwargs)
        self.exclude = list(exclude)
        self.exclude_from_weight_decay(var_names=self.exclude)

    def get_config(self) -> dict[str, Any]:
        """Returns what `from_config` rebuilds this optimizer from."""
        return {**super().get_config(), "exclude": self.exclude}
