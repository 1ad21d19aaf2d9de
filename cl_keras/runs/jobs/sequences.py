# SPDX-License-Identifier: Apache-2.0
"""Runs on recordings and other sequences."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from cl_keras import data, evaluate
from cl_keras.data.sequences.sequence_data import SequenceData
from cl_keras.runs.config import TrainConfig, check_options
from cl_keras.runs.figures import Figures, some

# At 16 kHz 1.28 seconds, the window of CPC's authors.
WINDOW = 20_480


class SequenceJob:
    """Recordings in memory; random windows of them.

    Settings: `data.window` (samples), `data.sample_rate`, `data.pattern` (labels in
    file names) and `data.label` (the kind of them to score).

    Args:
        config: The run.
    """

    unit = "windows"

    def __init__(self, config: TrainConfig) -> None:
        self.config = config
        options = config.part("data")
        check_options(options, "data", ("window", "sample_rate", "pattern", "label"))
        self.window, label = options.pop("window", WINDOW), options.pop("label", None)
        train, test = data.load_sequence_splits(
            config.data, config.test_data, seed=config.seed, **options
        )
        self.train, self.test = _labelled(train, label), _labelled(test, label)
        self.input_shape = self.train.shape
        self.encoder_options: dict[str, Any] = {}

    def batches(self) -> tf.data.Dataset:
        """Builds the training pipeline."""
        config = self.config
        return data.windows(
            self.train, self.window, config.batch_size, seed=config.seed
        )

    def examples(self, steps: int) -> int:
        """Counts the examples of so many steps."""
        return steps * self.config.batch_size

    def facts(self) -> dict[str, Any]:
        """Says what the data holds, for the summary."""
        return {
            "train_recordings": len(self.train),
            "test_recordings": len(self.test),
            "skipped_files": len({*self.train.skipped, *self.test.skipped}),
        }

    def scores(self, encoder: keras.Model) -> dict[str, float]:
        """Scores an encoder, if there are labels; else an empty dict.

        `raw_` scores are those of mean MFCCs: waveforms of different lengths have no
        common form of their own.
        """
        if self.train.labels is None or self.test.labels is None:
            return {}
        parts = (self.train, self.test)
        return evaluate.scores_beside(
            encoder,
            lambda model: _pair(
                evaluate.embed_sequences(model, part.sequences) for part in parts
            ),
            _pair(
                evaluate.mean_mfcc(part.sequences, part.sample_rate or 16_000)
                for part in parts
            ),
            _pair(part.labels for part in parts),
            k=self.config.neighbors,
            seed=self.config.seed,
        )

    def draw(self, run: Path, encoder: keras.Model) -> None:
        """Draws the figures of the report into the run's folder."""
        seed = self.config.seed
        figures = Figures(run, "test_recording")
        figures.loss()
        chosen = some(np.random.default_rng(seed), len(self.test))
        shown = self.test.take(chosen)
        names = shown.class_names
        figures.maps(
            chosen,
            evaluate.embed_sequences(encoder, shown.sequences),
            evaluate.embed_sequences(
                evaluate.random_encoder(encoder, seed), shown.sequences
            ),
            shown.labels if isinstance(shown.labels, np.ndarray) else None,
            names if isinstance(names, tuple) else None,
            seed,
        )


def _labelled(recordings: SequenceData, label: str | None) -> SequenceData:
    if label is not None:
        return recordings.labelled(label)
    if isinstance(recordings.labels, dict):
        raise ValueError(
            "Which kind of labels shall be scored? Give --set data.label=KIND, KIND "
            f"being one of: {', '.join(recordings.labels)}."
        )
    return recordings


def _pair(parts: Any) -> tuple[np.ndarray, np.ndarray]:
    first, second = parts
    return first, second
