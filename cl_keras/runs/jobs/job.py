# SPDX-License-Identifier: Apache-2.0
"""The part of a run that depends on the kind of data, as one interface."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Protocol

import keras
import numpy as np
import tensorflow as tf

from cl_keras import data, encoders, evaluate, heads, methods
from cl_keras.runs.config import TrainConfig, call_with
from cl_keras.runs.jobs.labelled import LabelledData
from cl_keras.runs.jobs.sample import Sample

_JOBS = {
    "image": "cl_keras.runs.jobs.images:ImageJob",
    "audio": "cl_keras.runs.jobs.sequences:SequenceJob",
    "graph": "cl_keras.runs.jobs.graphs:GraphJob",
}
# With data.stream: data that stays in its files.
_STREAMED_JOBS = {"image": "cl_keras.runs.jobs.streamed:StreamedImageJob"}


class Shapes(Protocol):
    """What a model is built for.

    Attributes:
        input_shape: Shape of one example, as `encoders.build` takes it.
        encoder_options: What the data asks of the encoder.
    """

    input_shape: tuple[int | None, ...]
    encoder_options: dict[str, Any]


class Job(Protocol):
    """Data, model and evaluation of a run, for one modality.

    Attributes:
        config: The run.
        probe: The separate labelled data that encoders are scored on, if any.
        unit: What an example is called, in the plural.
        input_shape: Shape of one example, as `encoders.build` takes it.
        encoder_options: What the data asks of the encoder.
        skipped: Files that could not be used, each with the reason.
    """

    config: TrainConfig
    probe: Job | None = None
    unit: str
    input_shape: tuple[int | None, ...]
    encoder_options: dict[str, Any]
    skipped: tuple[str, ...] = ()

    def batches(self, start: int | None = None) -> tf.data.Dataset:
        """Builds the training pipeline: one epoch, or without end from a step on."""

    def examples(self, steps: int) -> int:
        """Counts the examples of so many steps, for the rate shown."""

    def facts(self) -> dict[str, Any]:
        """Says what the data holds, for the summary."""

    def own_labelled(self) -> LabelledData | None:
        """Gives the labelled examples of the run's own data, if it has labels."""

    def probe_config(self, spec: str) -> TrainConfig:
        """Says how to load separate labelled data so that it fits this data."""
        return dataclasses.replace(
            self.config, data=spec, test_data=None, probe_data=None
        )

    def labelled(self) -> LabelledData | None:
        """Gives what encoders are scored on: the probe's examples, else the own."""
        return (self.probe or self).own_labelled()

    def scores(
        self,
        encoder: Any,
        metrics: Iterable[str] = ("knn", "linear"),
        *,
        baselines: bool = True,
    ) -> dict[str, Any]:
        """Scores an encoder, if there are labels; else an empty dict.

        Args:
            encoder: A Keras model, or something called like one, which then has no
                twin with random weights.
            metrics: Names out of `evaluate.measures.METRICS`.
            baselines: Whether to score a random encoder and the raw inputs too.

        Returns:
            Each number with its interval, beside those of the baselines.
        """
        labelled = self.labelled()
        if labelled is None:
            return {}
        scores: dict[str, Any] = evaluate.scores_beside(
            encoder,
            labelled.features,
            labelled.raw() if baselines else None,
            labelled.labels,
            k=self.config.neighbors,
            seed=self.config.seed,
            metrics=metrics,
            intervals=True,
            random_init=baselines and isinstance(encoder, keras.Model),
        )
        if self.probe is not None:
            scores = {"probe_data": self.probe.config.data} | scores
        return scores

    def online_evaluation(self, every: int = 1) -> keras.callbacks.Callback | None:
        """Makes the callback that scores on the probe's examples during training.

        Args:
            every: Epochs from one score to the next.

        Returns:
            The callback, to stand before those that read the logs; None without
            separate labelled data.
        """
        if self.probe is None or (labelled := self.labelled()) is None:
            return None
        return evaluate.OnlineEvaluation.from_features(
            labelled.features,
            labelled.labels,
            k=self.config.neighbors,
            every=every,
            seed=self.config.seed,
        )

    def sample(self, most: int) -> Sample:
        """Gives some examples to look at an encoder with, spread over the data.

        Args:
            most: Their largest number.

        Returns:
            The examples.
        """

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
    if modality == "image":
        importlib.import_module("cl_keras.runs.jobs.images").check_settings(config)
    return load_job(config)


def load_job(config: TrainConfig) -> Job:
    """Loads the data of a run, whatever its method.

    Args:
        config: The run.

    Returns:
        The job of the data's modality.

    Raises:
        ValueError: If the data is not understood, or separate labelled data does not
            fit it.
    """
    modality = data.modality(config.data)
    jobs = _STREAMED_JOBS if config.settings.get("data.stream") else _JOBS
    if modality not in jobs:
        raise ValueError(
            f"Expected data.stream with images only. Received: {config.data}, which is "
            f"{modality} data"
        )
    module, _, name = jobs[modality].partition(":")
    job: Job = getattr(importlib.import_module(module), name)(config)
    spec = config.probe_data
    if spec is not None:
        found = data.modality(spec)
        if found != modality:
            raise ValueError(
                f"Expected separate labelled data of the same kind as {config.data}, "
                f"which is {modality} data. Received: {spec}, which is {found} data."
            )
        job.probe = load_job(job.probe_config(spec))
        _check_probe(job, job.probe)
    return job


def _check_probe(job: Job, probe: Job) -> None:
    config = job.config
    if probe.input_shape != job.input_shape:
        raise ValueError(
            f"Expected {probe.unit} of the shape of {config.data}, {job.input_shape}. "
            f"Received: {probe.input_shape} in {config.probe_data}"
        )
    labelled = probe.own_labelled()
    if labelled is None:
        raise ValueError(
            f"Expected labels in the data to evaluate with. Received: none in "
            f"{config.probe_data}"
        )
    classes = np.unique(labelled.labels[0])
    if len(classes) < 2:
        raise ValueError(
            f"Expected at least two classes in {config.probe_data}, to evaluate with. "
            f"Received: {len(classes)}"
        )


def data_options(config: TrainConfig) -> dict[str, Any]:
    """Settings of the training data: rules for labels are the probe's, if any.

    Args:
        config: The run.

    Returns:
        The settings that begin with `data.`, without that.

    Example:
    >>> settings = {"data.label": "digit", "data.window": 100}
    >>> run = TrainConfig("cpc", "a", "run", probe_data="b", settings=settings)
    >>> data_options(run)
    {'window': 100}
    """
    options = config.part("data")
    if config.probe_data is not None:
        for name in ("pattern", "label"):
            options.pop(name, None)
    return options


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
    return call_with(method, config.method, parts | options, encoder)
