# SPDX-License-Identifier: Apache-2.0
"""The optimizer of a run."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import keras

from cl_keras import check, optimizers
from cl_keras.runs.config import TrainConfig, check_options
from cl_keras.runs.settings import call_names

# LARS without adaptation is SGD, with decay and exclusions that a file remembers.
OPTIMIZERS: dict[str, Callable[..., keras.optimizers.Optimizer]] = {
    "adamw": optimizers.AdamW,
    "lars": optimizers.LARS,
    "muon": optimizers.Muon,
    "sgd": functools.partial(optimizers.LARS, exclude_from_adaptation=(".*",)),
}
# Of the encoder's layers, once there are any.
DEPTH_SETTING = "layer_decay"
# Those of `optimizer.*` that are the learning rate's.
RATE_SETTINGS = ("scaling", "final", "cycles", "cycle_decay")
# How fast the schedule is gone through, as `Pace` has written it down.
PACE_SETTING = "pace"


def make_rate(config: TrainConfig, steps: int) -> Any:
    """The learning rate of a run: warm-up with a cosine to zero, or a constant."""
    options = config.part("optimizer")
    scaling = options.get("scaling")
    if config.schedule == "constant":
        if unread := [name for name in RATE_SETTINGS[1:] if name in options]:
            raise ValueError(
                "Expected settings of a cosine with --schedule cosine only. Received: "
                + ", ".join(f"optimizer.{name}" for name in unread)
            )
        return optimizers.scaled_rate(config.learning_rate, config.batch_size, scaling)
    pace = options.get(PACE_SETTING)
    rate = optimizers.WarmupCosine(
        config.learning_rate,
        # Of a training with a pace it is the planned steps that the schedule is of.
        epochs=int(pace[-1][1]) if pace else config.epochs,
        steps_per_epoch=1 if pace else steps,
        warmup_epochs=config.warmup_epochs * (steps if pace else 1),
        batch_size=config.batch_size,
        **{name: options[name] for name in RATE_SETTINGS if name in options},
    )
    return optimizers.Paced(rate) if pace else rate


def make_optimizer(config: TrainConfig, steps: int) -> keras.optimizers.Optimizer:
    """The optimizer, with warm-up and a cosine to zero, or a constant rate."""
    options = config.part("optimizer")
    name = options.pop("name", "adamw")
    check.one_of("optimizer", name, OPTIMIZERS)
    others = (*RATE_SETTINGS, DEPTH_SETTING, PACE_SETTING)
    known = [*call_names(OPTIMIZERS[name], 1), *others, "name"]
    check_options(options, "optimizer", known)
    options = {k: v for k, v in options.items() if k not in others}
    options = {"weight_decay": config.weight_decay} | options
    return OPTIMIZERS[name](make_rate(config, steps), **options)
