# SPDX-License-Identifier: Apache-2.0
"""The model of a run."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import keras

from cl_keras import encoders, heads, methods
from cl_keras.runs.config import TrainConfig, call_with, check_options
from cl_keras.runs.jobs.job import Shapes
from cl_keras.runs.settings import call_names


def build_model(config: TrainConfig, job: Shapes) -> Any:
    """Builds the model of a run: encoder, heads and method.

    Args:
        config: The run.
        job: Its data.

    Returns:
        A `ContrastiveModel`. Settings without a prefix go to the method;
        `encoder.*`, `projector.*` and `decoder.*` to the part of that name.

    Raises:
        ValueError: If a setting is unknown or parts do not fit.
    """
    method = methods.get(config.method).model
    encoder = encoders.build(
        config.encoder, job.input_shape, **job.encoder_options | config.part("encoder")
    )
    features = encoder.output_shape[-1]
    parameters = inspect.signature(method).parameters
    parts: dict[str, keras.Model] = {}
    builders: dict[str, tuple[Callable[..., keras.Model], tuple]] = {
        "projector": (heads.projection_head, (features,)),
        "decoder": (heads.image_decoder, (features, job.input_shape)),
    }
    for part, (builder, arguments) in builders.items():
        options = config.part(part)
        if part in parameters:
            parts[part] = call_with(builder, part, options, *arguments)
        elif options:
            raise ValueError(
                f"{config.method} has no {part}. Received: "
                + ", ".join(f"{part}.{name}" for name in options)
            )
    options = config.part("")
    check_options(options, config.method, {*call_names(method, 1)} - {*builders})
    return method(encoder, **parts, **options)
