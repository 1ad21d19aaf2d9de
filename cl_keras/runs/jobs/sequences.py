# SPDX-License-Identifier: Apache-2.0
"""Runs on recordings and other sequences."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from cl_keras import augment, data, encoders, evaluate, methods
from cl_keras.data.loading import split_recordings, split_series
from cl_keras.data.source import Source
from cl_keras.preprocessing.wav_header import READ
from cl_keras.runs.config import (
    TrainConfig,
    call_with,
    check_options,
    pipeline_options,
)
from cl_keras.runs.encoder_names import is_loaded, load_encoder
from cl_keras.runs.jobs.encoder_facts import channel_moments, rate_option
from cl_keras.runs.jobs.figures import draw_sequences
from cl_keras.runs.jobs.job import READ_BY, Job, data_options
from cl_keras.runs.jobs.labelled import LabelledData
from cl_keras.runs.jobs.sample import Sample
from cl_keras.runs.recording_rate import rate_to_read
from cl_keras.show.figures import spread

# At 16 kHz 1.28 seconds, the window of CPC's authors.
WINDOW = 20_480
_SETTINGS = ("window", "sample_rate", "pattern", "label", "group", "parts")


class SequenceJob(Job):
    """Recordings in memory; random windows of them, or two random views of each.

    Settings: `data.window` (samples), `data.sample_rate`, `data.pattern` (labels in
    file names), `data.label` (the kind of them to score), `data.group` (the kind whose
    values stay in one part each when a fifth is held out) and `data.parts` (features to
    score are the means of so many parts of each recording; by default of the whole).
    Of time series also `data.cut`: samples of the windows that are scored, one every
    `data.hop` samples, each with its most frequent label, of which it has at least
    `data.purity`. Trained on are whole series, or with `data.train_cut` such windows.

    Args:
        config: The run.
        source: Its data.
    """

    unit = "windows"

    def __init__(self, config: TrainConfig, source: Source) -> None:
        self.config = config
        options = data_options(config)
        of_series = ("train_cut",) if source.kind == "csv" else ()
        known = (*_SETTINGS, *READ_BY.get(source.kind, ()), *of_series)
        check_options(options, "data", known)
        self.window = options.get("window", WINDOW)
        self.parts = options.get("parts", 1)
        rate = _rate(config, options.get("sample_rate"))
        wanted = source, config.test_data, config.seed
        self.series: data.SequenceData | None = None
        if "cut" in options and not options.get("train_cut"):
            self.series, train, test = split_series(*wanted, sample_rate=rate)
        else:
            train, test = split_recordings(*wanted, sample_rate=rate)
        train, test = _of_one_kind(train), _of_one_kind(test)
        if config.probe_data is None and isinstance(train.labels, dict):
            raise ValueError(
                "Which kind of labels shall be scored? Give --set data.label=KIND, "
                f"KIND being one of: {', '.join(train.labels)}."
            )
        self.train, self.test = train, test
        if train.unserved:
            kinds = ", ".join(f"{n:,} {name}" for name, n in train.unserved.items())
            warnings.warn(
                f"The exported encoder will not read files such as {kinds} of "
                f"{config.data}: `audio_bytes` takes {READ}. Convert what is sent to "
                "it to WAV.",
                stacklevel=2,
            )
        self.input_shape = self.train.shape
        #: What is trained on; `train` and `test` are scored.
        self.trained = self.series or train
        self.encoder_options = _encoder_options(config, self.trained)
        # A part that was held out knows the files of the whole.
        self.skipped = tuple(sorted({*self.train.skipped, *self.test.skipped}))

    def batches(self, start: int | None = None) -> tf.data.Dataset:
        """Builds the training pipeline: one epoch, or without end from a step on."""
        options = pipeline_options(self.config, start)
        if methods.get(self.config.method).views > 1:
            options["views"] = _views(self.config, self.input_shape)
        size = self.config.batch_size
        return data.windows(self.trained, self.window, size, **options)

    def examples(self, steps: int) -> int:
        """Counts the examples of so many steps."""
        return steps * self.config.batch_size

    def facts(self) -> dict[str, Any]:
        """Says what the data holds, for the summary."""
        rate, unserved = self.train.sample_rate, self.train.unserved
        unit = "windows" if "cut" in data_options(self.config) else "recordings"
        names, series = (f"train_{unit}", f"test_{unit}"), {}
        if self.series is not None:
            names = ("probed_windows", "probed_test_windows")
            series = {"train_series": len(self.series)}
        return {
            **series,
            **dict(zip(names, (len(self.train), len(self.test)), strict=True)),
            "skipped_files": len(self.skipped),
            **({"unserved_files": sum(unserved.values())} if unserved else {}),
            **({"sample_rate": rate} if rate else {}),
        }

    def own_labelled(self) -> LabelledData | None:
        """Gives the labelled recordings.

        Raw inputs are statistics of MFCCs: waveforms of different lengths have no
        common form of their own.
        """
        labels, test_labels = self.train.labels, self.test.labels
        if not isinstance(labels, np.ndarray) or not isinstance(
            test_labels, np.ndarray
        ):
            return None
        train, test = self.train, self.test
        return LabelledData(
            features=lambda encoder: (
                self._features(encoder, train.sequences),
                self._features(encoder, test.sequences),
            ),
            raw=lambda: (
                raw_statistics(train.sequences, train.sample_rate),
                raw_statistics(test.sequences, test.sample_rate),
            ),
            labels=(labels, test_labels),
            raw_inputs=raw_names(train.sequences[0]),
            no_inputs="recordings have no common length to train on",
        )

    def _features(self, encoder: Any, recordings: Sequence[np.ndarray]) -> np.ndarray:
        if self.parts != 1:
            encoder = encoders.means_of_parts(encoder, self.parts)
        return evaluate.embed_sequences(encoder, recordings)

    def probe_config(self, spec: str) -> TrainConfig:
        """Takes the recordings at the sample rate of those of training."""
        config = super().probe_config(spec)
        rate = {"data.sample_rate": self.train.sample_rate}
        return dataclasses.replace(config, settings=config.settings | rate)

    def sample(self, most: int) -> Sample:
        """Gives some test recordings."""
        test, ids = self.test, spread(len(self.test), most)
        recordings = [test.sequences[i] for i in ids]
        labels, names = test.labels, test.class_names
        return Sample(
            lambda encoder: evaluate.embed_sequences(encoder, recordings),
            ids,
            labels[ids] if isinstance(labels, np.ndarray) else None,
            names if isinstance(names, tuple) else None,
        )

    def draw(self, run: Path, encoder: keras.Model) -> None:
        """Draws the figures of the report into the run's folder."""
        draw_sequences(
            run,
            encoder=encoder,
            train=self.train,
            test=self.test,
            window=self.window,
            k=self.config.neighbors,
            seed=self.config.seed,
        )


def _of_one_kind(recordings: data.SequenceData) -> data.SequenceData:
    """Takes the only kind of labels, where there is one."""
    kinds = recordings.labels
    if not isinstance(kinds, dict) or len(kinds) != 1:
        return recordings
    return recordings.labelled(*kinds)


def _rate(config: TrainConfig, given: int | None) -> int | None:
    """The sample rate to read recordings at: that of the encoder that goes on."""
    if not is_loaded(config.encoder):
        return given
    return rate_to_read(*load_encoder(config.encoder), given)


def _views(config: TrainConfig, shape: tuple[int | None, ...]) -> Any:
    """The view maker of a run: the method's default, with its settings."""
    row = methods.get(config.method)
    usual = "AudioViews" if len(shape) == 1 else "SeriesViews"
    maker = getattr(augment, row.sequence_view_maker or usual)
    options = {**row.sequence_view_options, **config.part("augment")}
    return call_with(maker, "augment", options)


def _encoder_options(config: TrainConfig, train: data.SequenceData) -> dict[str, Any]:
    """The sample rate, or mean and variance of the channels, if it can keep them."""
    if len(train.shape) == 2:
        return channel_moments(config.encoder, np.concatenate(train.sequences))
    given = config.part("encoder").get("sample_rate")
    return rate_option(config.encoder, train.sample_rate, given)


def raw_statistics(sequences: Sequence[np.ndarray], rate: int | None) -> np.ndarray:
    """What stands for sequences themselves, which have no common form of their own."""
    if sequences[0].ndim == 2:
        return evaluate.channel_statistics(sequences)
    return evaluate.mfcc_statistics(sequences, rate or 16_000)


def raw_names(sequence: np.ndarray) -> str:
    """What `raw_statistics` gives, in words."""
    if sequence.ndim == 2:
        return "five statistics of each channel"
    return "52 statistics of MFCCs (means of three thirds, deviations)"
