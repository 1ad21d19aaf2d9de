# SPDX-License-Identifier: Apache-2.0
"""The learning rate of most recipes: scaled with the batch, warm-up, cosine."""

from __future__ import annotations

import math
from typing import Any, Literal

import keras
import tensorflow as tf

from cl_keras import check

Scaling = Literal["linear", "sqrt"]
SCALINGS = ("linear", "sqrt")


def scaled_rate(rate: float, batch_size: int, scaling: Scaling | None) -> float:
    """Scales a learning rate with the size of the global batch.

    Args:
        rate: The recipe's base rate.
        batch_size: B, examples in a step, on all replicas together.
        scaling: `"linear"` gives rate * B / 256, `"sqrt"` rate * sqrt(B), None the
            rate itself.

    Returns:
        The learning rate.

    Raises:
        ValueError: If the scaling is unknown, the batch empty or the rate negative.

    Reference:
        Chen et al. (2020), arXiv:2002.05709, section 2.1 and appendix B.1: 0.3 linear,
        or 0.075 by the root.

    Example:
    >>> scaled_rate(0.3, 4096, "linear"), scaled_rate(0.075, 4096, "sqrt")
    (4.8, 4.8)
    """
    check.not_negative(rate=rate)
    check.at_least(1, batch_size=batch_size)
    if scaling is None:
        return float(rate)
    check.one_of("scaling", scaling, SCALINGS)
    factor = batch_size / 256 if scaling == "linear" else math.sqrt(batch_size)
    return rate * factor


@keras.saving.register_keras_serializable(package="cl_keras")
class WarmupCosine(keras.optimizers.schedules.LearningRateSchedule):
    """Linear warm-up from 0 to the peak, then half a cosine to the end, in epochs.

    Step t of the warm-up's W has peak * t / W; of the N steps in all, a later one has
    final + (peak - final) * (1 + cos(pi * (t - W) / (N - W))) / 2. With `cycles` the
    training is divided into as many equal parts: the first is as above, each other one
    starts again at a peak, without warm-up.

    Args:
        rate: Base learning rate; the peak is `scaled_rate(rate, batch_size, scaling)`.
        epochs: Of the training, warm-up included.
        steps_per_epoch: Steps of the optimizer in an epoch.
        warmup_epochs: May be a fraction; one step less than the training at most.
        batch_size: Of all replicas together; needed for scaling.
        scaling: `"linear"`, `"sqrt"` or None.
        final: The rate at the end of a cycle, as a share of the cycle's peak.
        cycles: Parts of the training, of equal numbers of steps.
        cycle_decay: Peak of a cycle, as a share of the peak of the one before.

    Raises:
        ValueError: If a number is out of range, scaling asked without batch size, or
            there are fewer steps than cycles.

    Reference:
        Chen et al. (2020), arXiv:2002.05709, section 2.1. Loshchilov and Hutter (2017),
        arXiv:1608.03983, equation 5; restarts (`cycles`) with a constant period, and
        peaks that shrink, where the paper keeps them and its periods grow.

    Example:
    >>> rate = WarmupCosine(
    ...     0.3, epochs=100, steps_per_epoch=10, warmup_epochs=10, batch_size=512,
    ...     scaling="linear")
    >>> [round(float(rate(step)), 3) for step in (0, 50, 100, 550, 1000)]
    [0.0, 0.3, 0.6, 0.3, 0.0]
    """

    def __init__(
        self,
        rate: float,
        epochs: int,
        steps_per_epoch: int,
        warmup_epochs: float = 10.0,
        batch_size: int | None = None,
        scaling: Scaling | None = None,
        final: float = 0.0,
        cycles: int = 1,
        cycle_decay: float = 1.0,
    ) -> None:
        super().__init__()
        check.at_least(1, epochs=epochs, steps_per_epoch=steps_per_epoch, cycles=cycles)
        check.not_negative(warmup_epochs=warmup_epochs)
        check.between(0, 1, final=final, cycle_decay=cycle_decay)
        if cycles > epochs * steps_per_epoch:
            raise ValueError(
                "A cycle must have at least one step. Received: "
                f"cycles={cycles}, {epochs * steps_per_epoch} steps"
            )
        if scaling is not None and batch_size is None:
            raise ValueError(
                f"scaling={scaling!r} needs a `batch_size`. Received: batch_size=None"
            )
        self.rate = rate
        self.epochs = epochs
        self.steps_per_epoch = steps_per_epoch
        self.warmup_epochs = warmup_epochs
        self.batch_size = batch_size
        self.scaling = scaling
        self.final = final
        known = 1 if batch_size is None else batch_size
        self.peak = scaled_rate(rate, known, scaling)
        self.cycles = cycles
        self.cycle_decay = cycle_decay
        self.cycle_steps = epochs * steps_per_epoch // cycles
        warmup = int(warmup_epochs * steps_per_epoch)
        self.warmup_steps = min(warmup, self.cycle_steps - 1)

    def __call__(self, step: int | tf.Tensor) -> tf.Tensor:
        """Returns the learning rate of a step, float32 scalar; steps count from 0."""
        step = tf.cast(step, tf.float32)
        rising = step / max(self.warmup_steps, 1)
        # The last cycle's end is the end: no further one starts.
        cycle = tf.minimum(step // self.cycle_steps, self.cycles - 1.0)
        skipped = tf.where(cycle > 0, 0.0, float(self.warmup_steps))
        done = step - cycle * self.cycle_steps - skipped
        done = tf.minimum(done / (self.cycle_steps - skipped), 1.0)
        cosine = 0.5 * (1.0 + tf.cos(math.pi * done))
        falling = self.final + (1.0 - self.final) * cosine
        falling *= self.cycle_decay**cycle
        return self.peak * tf.where(step < self.warmup_steps, rising, falling)

    def get_config(self) -> dict[str, Any]:
        """Returns what `from_config` rebuilds this schedule from."""
        return {
            "rate": self.rate,
            "epochs": self.epochs,
            "steps_per_epoch": self.steps_per_epoch,
            "warmup_epochs": self.warmup_epochs,
            "batch_size": self.batch_size,
            "scaling": self.scaling,
            "final": self.final,
            "cycles": self.cycles,
            "cycle_decay": self.cycle_decay,
        }
