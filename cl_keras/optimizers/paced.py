# SPDX-License-Identifier: Apache-2.0
"""A learning rate whose schedule can be made shorter or longer while it trains."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="cl_keras")
class Paced(keras.optimizers.schedules.LearningRateSchedule):
    """Goes through another schedule faster or slower than step by step.

    Step t has the rate that the schedule gives step `planned + (t - step) * pace`. The
    three numbers are a variable: a compiled training step follows when they change.

    Args:
        schedule: The learning rate as it was planned.
        stretch: `step`, `planned` and `pace`, as of `enter`.

    Example:
    >>> from cl_keras.optimizers import WarmupCosine
    >>> rate = Paced(WarmupCosine(1.0, 10, 10, warmup_epochs=0))
    >>> before = float(rate(50))
    >>> rate.enter(50, 50, 2.0)  # The other half in 25 steps.
    >>> before == float(rate(50)), round(float(rate(75)), 6)
    (True, 0.0)
    """

    def __init__(
        self,
        schedule: keras.optimizers.schedules.LearningRateSchedule,
        stretch: Sequence[float] = (0.0, 0.0, 1.0),
    ) -> None:
        super().__init__()
        self.schedule = schedule
        self._stretch = tf.Variable(stretch, dtype=tf.float32, trainable=False)

    def enter(self, step: int, planned: float, pace: float) -> None:
        """Goes on from a step of the schedule at another pace.

        Args:
            step: Step of the training from which this holds.
            planned: Step of the schedule at which it begins.
            pace: Steps of the schedule for each step of the training.
        """
        self._stretch.assign((step, planned, pace))

    def __call__(self, step: tf.Tensor | int) -> tf.Tensor:
        """Returns the learning rate of a step, float32 scalar; steps count from 0."""
        begun, planned, pace = tf.unstack(tf.convert_to_tensor(self._stretch))
        return self.schedule(planned + (tf.cast(step, tf.float32) - begun) * pace)

    def get_config(self) -> dict[str, Any]:
        """Returns what `from_config` rebuilds this schedule from."""
        return {
            "schedule": keras.saving.serialize_keras_object(self.schedule),
            "stretch": self._stretch.numpy().tolist(),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Paced:
        """Rebuilds the schedule."""
        schedule = keras.saving.deserialize_keras_object(config["schedule"])
        return cls(schedule, config["stretch"])
