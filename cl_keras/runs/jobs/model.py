# SPDX-License-Identifier: Apache-2.0
"""The model of a run."""

from __future__ import annotations

from typing import Any

from cl_keras import encoders, methods
from cl_keras.runs.config import TrainConfig, call_with, check_options
from cl_keras.runs.jobs.job import Shapes
from cl_keras.runs.settings import HEADS, call_names


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
