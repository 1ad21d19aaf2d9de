# SPDX-License-Identifier: Apache-2.0
"""The model of a run."""

from __future__ import annotations

from typing import Any

from cl_keras import encoders, methods
from cl_keras.runs.config import TrainConfig, call_with, check_options
from cl_keras.runs.jobs.job import Shapes
from cl_keras.runs.optimizer import make_optimizer, make_rate
from cl_keras.runs.settings import HEADS, call_names
from cl_keras.runs.training import Training


def build_model(config: TrainConfig, job: Shapes) -> Any:
    """Builds the model of a run: encoder, heads and method."""
    method: Any = methods.get(config.method).model
    encoder = encoders.build(
        config.encoder, job.input_shape, **job.encoder_options | config.part("encoder")
    )
    width, parts = encoder.output_shape[-1], {}
    for part, builder in method.head_builders.items():
        # What decodes makes examples again.
        sizes = (width, job.input_shape) if part == "decoder" else (width,)
        parts[part] = call_with(builder, part, config.part(part), *sizes)
        width = parts[part].output_shape[-1]
    for part in HEADS:
        if part not in parts and (options := config.part(part)):
            raise ValueError(
                f"{config.method} has no {part}. Received: "
                + ", ".join(f"{part}.{name}" for name in options)
            )
    options = config.part("")
    check_options(options, config.method, {*call_names(method, 1)} - {*parts})
    return method(encoder, **parts, **options)


def compiled_model(training: Training, jit_compile: bool | None) -> Any:
    """The model, new or of the checkpoint, as `fit` takes it."""
    config, steps = training.config, training.steps
    if training.resumed:
        model = training.resumed.model
        if config.schedule == "cosine":
            # That of the checkpoint may be of a shorter training.
            model.optimizer.learning_rate = make_rate(config, steps)
    else:
        with training.team.scope():
            model = build_model(config, training.job)
            model.compile(make_optimizer(config, steps))
    if "total_steps" in methods.get(config.method).needs:
        model.total_steps = config.epochs * steps
    if jit_compile is not None:
        model.jit_compile = jit_compile
    return model
