# SPDX-License-Identifier: Apache-2.0
"""The part of a run that depends on the kind of data, as one interface."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import keras
import tensorflow as tf

from cl_keras import data, encoders, heads, methods
from cl_keras.runs.config import TrainConfig, call_with

_JOBS = {
    "image": "cl_keras.runs.jobs.images:ImageJob",
    "audio": "cl_keras.runs.jobs.sequences:SequenceJob",
    "graph": "cl_keras.runs.jobs.graphs:GraphJob",
}


class Job(Protocol):
    """Data, model and evaluation of a run, for one modality.

    Attributes:
        unit: What an example is called, in the plural.
        input_shape: Shape of one example, as `encoders.build` takes it.
        encoder_options: What the data asks of the encoder.
    """

    unit: str
    input_shape: tuple[int | None, ...]
    encoder_options: dict[str, Any]

    def batches(self) -> tf.data.Dataset:
        """Builds the training pipeline."""

    def examples(self, steps: int) -> int:
        """Counts the examples of so many steps, for the rate shown."""

    def facts(self) -> dict[str, Any]:
        """Says what the data holds, for the summary."""

    def scores(self, encoder: keras.Model) -> dict[str, float]:
        """Scores an encoder, if there are labels; else an empty dict."""

    def draw(self, run: Path, encoder: keras.Model) -> None:
        """Draws the figures of the report into the run's folder."""


def make_job(config: TrainConfig) -> Job:
    """Loads the data of a run and checks that its method can learn from it.

    Args:
        config: The run.

    Returns:
        The job of the data's modality.

    Raises:
        ValueError: If the data is not understood or does not suit the method.
    """
    modality = data.modality(config.data)
    known = methods.get(config.method).modalities
    if modality not in known:
        raise ValueError(
            f"{config.method} learns from {' or '.join(known)} data. Received: "
            f"{config.data}, which is {modality} data."
        )
    return load_job(config)


def load_job(config: TrainConfig) -> Job:
    """Loads the data of a run, whatever its method.

    Args:
        config: The run.

    Returns:
        The job of the data's modality.

    Raises:
        ValueError: If the data is not understood.
    """
    module, _, name = _JOBS[data.modality(config.data)].partition(":")
    return getattr(importlib.import_module(module), name)(config)


def build_model(config: TrainConfig, job: Job) -> Any:
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
    return call_with(method, config.method, parts | options, encoder)
