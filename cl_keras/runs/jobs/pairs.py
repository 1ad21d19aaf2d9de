# SPDX-License-Identifier: Apache-2.0
"""Runs on pairs of inputs, with an encoder each."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from cl_keras import data, evaluate
from cl_keras.artifact import ENCODER_FILE
from cl_keras.data.pairs.groups import split_pairs
from cl_keras.data.source import Source
from cl_keras.runs.config import TrainConfig, check_options, pipeline_options
from cl_keras.runs.jobs.encoder_facts import channel_moments, rate_option
from cl_keras.runs.jobs.figures import draw_curves
from cl_keras.runs.jobs.job import READ_BY, Job, data_options
from cl_keras.runs.jobs.labelled import LabelledData
from cl_keras.runs.jobs.sample import Sample
from cl_keras.runs.jobs.sequences import raw_names, raw_statistics
from cl_keras.runs.run_files import side_folder
from cl_keras.show.figures import spread


class PairJob(Job):
    """Pairs in memory; encoders are scored and exported one by one.

    Settings: those of `data.load_pairs`; with groups also `data.train_groups` and
    `data.test_groups`, the only ones to train on and to test with; of series and
    recordings `data.random_window`, the samples that each epoch draws anew of each
    pair, at the same moment of both. Scores are of whole inputs.

    Args:
        config: The run.
        source: Its data.
    """

    unit = "pairs"

    def __init__(self, config: TrainConfig, source: Source) -> None:
        if config.probe_data is not None or config.test_data is not None:
            raise ValueError(
                "Expected pairs with labels of their own, and data.test_groups to say "
                "which to test with. Received: separate data, "
                f"{config.probe_data or config.test_data}"
            )
        self.config = config
        options = data_options(config)
        groups = ("train_groups", "test_groups")
        known = (
            "pattern",
            "label",
            "group",
            "random_window",
            *READ_BY["pairs"],
            *groups,
        )
        check_options(options, "data", known)
        whole: Any = source.load(image_size=config.image_size)
        self.train, self.test = split_pairs(
            whole, *(options.get(name) for name in groups), seed=config.seed
        )
        self.random_window = options.get("random_window")
        self.shapes = {
            # Encoders of series take any length.
            name: (None, *shape[1:]) if name in whole.series else shape
            for name, shape in whole.shapes.items()
        }
        self.side = next(iter(self.shapes))
        self.input_shape = self.shapes[self.side]
        self.encoder_options: dict[str, Any] = {}
        self.skipped = whole.skipped

    def options_of(self, side: str, encoder: str) -> dict[str, Any]:
        """What an encoder can keep of its inputs: how they vary, or their rate."""
        if side in self.train.waveforms:
            parts = self.config.part("encoder")
            given = parts.get(f"{side}.sample_rate", parts.get("sample_rate"))
            return rate_option(encoder, self.train.sample_rate, given)
        return channel_moments(encoder, self.train.inputs[side])

    def batches(self, start: int | None = None) -> tf.data.Dataset:
        """Builds the training pipeline: one epoch, or without end from a step on."""
        options = pipeline_options(self.config, start) | {"window": self.random_window}
        return data.pair_batches(self.train, self.config.batch_size, **options)

    def examples(self, steps: int) -> int:
        """Counts the pairs of so many steps."""
        return steps * self.config.batch_size

    def facts(self) -> dict[str, Any]:
        """Says what the data holds, for the summary."""
        rate = self.train.sample_rate
        return {
            "train_pairs": len(self.train),
            "test_pairs": len(self.test),
            "skipped_files": len(self.skipped),
            **({"sample_rate": rate} if rate else {}),
        }

    def own_labelled(self) -> LabelledData | None:
        """Gives the labelled inputs of one of the two kinds."""
        train, test = (part.inputs[self.side] for part in (self.train, self.test))
        if self.train.labels is None or self.test.labels is None:
            return None
        return LabelledData(
            features=lambda encoder: (
                self._features(encoder, train),
                self._features(encoder, test),
            ),
            raw=lambda: (self._raw(train), self._raw(test)),
            labels=(self.train.labels, self.test.labels),
            inputs=(train, test),
            raw_inputs=self._raw_inputs(),
        )

    def _is_series(self) -> bool:
        return self.side in self.train.series

    def _features(self, encoder: Any, inputs: np.ndarray) -> np.ndarray:
        if self._is_series():
            return evaluate.embed_sequences(encoder, list(inputs))
        if inputs.ndim == 4:
            return evaluate.embed(encoder, inputs)
        rows = [
            encoder(inputs[start : start + 512], training=False)
            for start in range(0, len(inputs), 512)
        ]
        return np.concatenate([np.asarray(block, np.float32) for block in rows])

    def _raw(self, inputs: np.ndarray) -> np.ndarray:
        if not self._is_series():
            return inputs.reshape(len(inputs), -1).astype(np.float32)
        return raw_statistics(list(inputs), self.train.sample_rate)

    def _raw_inputs(self) -> str:
        if not self._is_series():
            return "the inputs themselves"
        return raw_names(self.train.inputs[self.side][0])

    def sides(self, run: Path, encoder: keras.Model) -> dict[str, tuple[Job, Any]]:
        """Gives both encoders, each with its own inputs."""
        found: dict[str, tuple[Job, Any]] = {}
        for name, shape in self.shapes.items():
            side = copy.copy(self)
            side.side, side.input_shape = name, shape
            path = side_folder(run, name) / ENCODER_FILE
            found[name] = side, keras.saving.load_model(path, compile=False)
        return found

    def sample(self, most: int) -> Sample:
        """Gives some test inputs of the first kind."""
        ids = spread(len(self.test), most)
        inputs, labels = self.test.inputs[self.side][ids], self.test.labels
        return Sample(
            lambda encoder: self._features(encoder, inputs),
            ids,
            None if labels is None else labels[ids],
            self.test.class_names,
        )

    def draw(self, run: Path, encoder: keras.Model) -> None:
        """Draws the curves of the training."""
        draw_curves(run, "test_pair")
