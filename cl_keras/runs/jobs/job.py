# SPDX-License-Identifier: Apache-2.0
"""The part of a run that depends on the kind of data, as one interface."""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any, Protocol

import keras
import tensorflow as tf

from cl_keras import data, evaluate, methods
from cl_keras.runs.config import TrainConfig
from cl_keras.runs.jobs.labelled import LabelledData, Pair
from cl_keras.runs.jobs.sample import Sample
from cl_keras.runs.jobs.scoring import known_only, score, unscorable
from cl_keras.runs.stages import Stages
from cl_keras.score_names import BASELINES

_JOBS = {
    "image": "cl_keras.runs.jobs.images:ImageJob",
    "audio": "cl_keras.runs.jobs.sequences:SequenceJob",
    "graph": "cl_keras.runs.jobs.graphs:GraphJob",
    "pair": "cl_keras.runs.jobs.pairs:PairJob",
}
_SERIES = ("columns", "time", "time_unit")
_WINDOWS = ("sample_rate", "pair", "window", "hop", "purity")
# Settings of the data that its reader takes, by kind of data.
READ_BY = {
    "csv": (*_SERIES, "cut", "hop", "purity"),
    "pairs": (*_SERIES, *_WINDOWS, "names"),
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

    def steps(self) -> int:
        """Counts the steps of an epoch, of which there must be one."""
        return len(self.batches())

    def turns(self) -> list[int]:
        """Epochs after the first that begin with another pipeline."""
        return []

    def examples(self, steps: int) -> int:
        """Counts the examples of so many steps, for the rate shown."""

    def facts(self) -> dict[str, Any]:
        """Says what the data holds, for the summary."""

    def own_labelled(self) -> LabelledData | None:
        """Gives the labelled examples of the run's own data, if it has labels."""

    def own_labels(self) -> Pair | None:
        """Gives the labels of `own_labelled`, of which some may be unknown."""
        labelled = self.own_labelled()
        return None if labelled is None else labelled.labels

    def probe_config(self, spec: str) -> TrainConfig:
        """Says how to load separate labelled data so that it fits this data."""
        return dataclasses.replace(
            self.config, data=spec, test_data=None, probe_data=None
        )

    def labelled(self) -> LabelledData | None:
        """Gives what encoders are scored on: the probe's examples, else the own."""
        labelled = (self.probe or self).own_labelled()
        return None if labelled is None else known_only(labelled)

    def scores(
        self,
        encoder: Any,
        metrics: Iterable[str] = ("knn", "linear"),
        *,
        baselines: Collection[str] = BASELINES,
        start: Any = None,
        stages: Stages | None = None,
    ) -> dict[str, Any]:
        """Scores an encoder, beside the one that training started from, by labels."""
        labelled = self.labelled()
        if labelled is None:
            return {}
        scores = score(
            encoder,
            labelled,
            metrics,
            k=self.config.neighbors,
            seed=self.config.seed,
            baselines=baselines,
            start=start,
            stages=stages,
        )
        if self.probe is not None:
            scores = {"probe_data": self.probe.config.data} | scores
        return scores

    def online_evaluation(
        self, every: int = 1, *, own: bool = False
    ) -> evaluate.OnlineEvaluation | None:
        """Makes the callback that scores on the probe's, or the own, examples."""
        if self.probe is None and not own:
            return None
        labelled = self.labelled()
        if labelled is None or unscorable(labelled.labels):
            return None
        return evaluate.OnlineEvaluation.from_features(
            labelled.of_examples,
            labelled.labels,
            k=self.config.neighbors,
            every=every,
            seed=self.config.seed,
        )

    def sample(self, most: int) -> Sample:
        """Gives some examples to look at an encoder with, spread over the data."""

    def sides(self, run: Path, encoder: keras.Model) -> dict[str, tuple[Job, Any]]:
        """Gives each encoder of the run with its own data: of pairs, two by name."""
        return {"": (self, encoder)}

    def draw(self, run: Path, encoder: keras.Model) -> None:
        """Draws the figures of the report into the run's folder."""


def open_source(config: TrainConfig) -> data.Source:
    """Finds the data of a run, without reading it."""
    options = data_options(config)
    rules = {name: options.get(name) for name in ("pattern", "label", "group")}
    kind = config.data.partition(":")[0]
    of_files = {k: v for k, v in options.items() if k in READ_BY.get(kind, ())}
    if "cut" in of_files:  # `data.window` is of a step's random windows.
        of_files["window"] = of_files.pop("cut")
    elif kind == "csv" and (without := {"hop", "purity"} & of_files.keys()):
        raise ValueError(
            "Expected `data.cut`, the samples of an example to score (`data.window` is "
            "of a training step), with "
            + " and ".join(f"`data.{name}`" for name in sorted(without))
            + ". Received: none"
        )
    return data.open(config.data, **rules, **of_files)


def make_job(config: TrainConfig, source: data.Source | None = None) -> Job:
    """Loads the data of a run and checks that its method can learn from it."""
    source = source or open_source(config)
    modality = source.modality
    known = methods.get(config.method).modalities
    if modality not in known:
        raise ValueError(
            f"{config.method} learns from {' or '.join(known)} data. Received: "
            f"{config.data}, which is {modality} data."
        )
    _check_read(config, modality)
    if modality == "image":
        images = importlib.import_module("cl_keras.runs.jobs.images")
        config = images.settled(config, source)
    return load_job(config, source)


def _check_read(config: TrainConfig, modality: str) -> None:
    """Refuses settings that a training on such data never reads."""
    is_image = modality == "image"
    may_be_images = modality in ("image", "pair")
    if views := config.part("augment"):
        names = ", ".join(f"augment.{name}" for name in views)
        if modality == "graph":
            raise ValueError(
                "Expected settings of views with images or recordings. Received: "
                f"{names}, and {config.data}, which is {modality} data"
            )
        if methods.get(config.method).views == 1:
            unit = "image" if is_image else "window of a recording"
            raise ValueError(
                f"{config.method} learns from each {unit} as it is, without views. "
                f"Received: {names}"
            )
    if config.image_size is not None and not may_be_images:
        raise ValueError(
            f"Expected --image-size with images only. Received: {config.image_size}, "
            f"and {config.data}, which is {modality} data"
        )


def load_job(config: TrainConfig, source: data.Source | None = None) -> Job:
    """Loads the data of a run, whatever its method."""
    source = source or open_source(config)
    modality = source.modality
    jobs = _STREAMED_JOBS if config.settings.get("data.stream") else _JOBS
    if modality not in jobs:
        raise ValueError(
            f"Expected data.stream with images only. Received: {config.data}, which is "
            f"{modality} data"
        )
    module, _, name = jobs[modality].partition(":")
    job: Job = getattr(importlib.import_module(module), name)(config, source)
    spec = config.probe_data
    if spec is not None:
        probe_config = job.probe_config(spec)
        probe = open_source(probe_config)
        if probe.modality != modality:
            raise ValueError(
                f"Expected separate labelled data of the same kind as {config.data}, "
                f"which is {modality} data. Received: {spec}, which is "
                f"{probe.modality} data."
            )
        job.probe = load_job(probe_config, probe)
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
    if reason := unscorable(labelled.labels):
        raise ValueError(
            f"Expected at least two classes in {config.probe_data}, to evaluate with. "
            f"Received: {reason}"
        )


def data_options(config: TrainConfig) -> dict[str, Any]:
    """Settings of the training data: what is of scores is the probe's, if any."""
    options = config.part("data")
    if config.probe_data is not None:
        windows = () if options.get("train_cut") else ("cut", "hop", "purity")
        for name in ("pattern", "label", "group", *windows):
            options.pop(name, None)
    return options
