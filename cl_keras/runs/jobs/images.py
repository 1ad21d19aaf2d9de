# SPDX-License-Identifier: Apache-2.0
"""Runs on images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from cl_keras import augment, data, evaluate, methods
from cl_keras.runs.config import TrainConfig, call_with, check_options
from cl_keras.runs.jobs.image_figures import draw_plots

# Digits have a direction and no colour: a mirrored 2 is no digit.
DIGITS_VIEWS = {"flip": 0.0, "grayscale": 0.0, "scale": (0.3, 1.0)}


class ImageJob:
    """Images in memory; two random views of each, or the image itself.

    Args:
        config: The run.
    """

    unit = "images"

    def __init__(self, config: TrainConfig) -> None:
        self.config = config
        check_options(config.part("data"), "data", ())
        self.train, self.test = data.load_splits(
            config.data,
            config.test_data,
            image_size=config.image_size,
            seed=config.seed,
        )
        self.input_shape = self.train.shape
        self.encoder_options: dict[str, Any] = {}
        self.views = _views(config, self.train.shape)

    def batches(self) -> tf.data.Dataset:
        """Builds the training pipeline."""
        size, seed = self.config.batch_size, self.config.seed
        if methods.get(self.config.method).views == 1:
            return data.one_view(self.train, size, seed=seed)
        return data.two_views(self.train, self.views, size, seed=seed)

    def examples(self, steps: int) -> int:
        """Counts the examples of so many steps."""
        return steps * self.config.batch_size

    def facts(self) -> dict[str, Any]:
        """Says what the data holds, for the summary."""
        return {
            "train_images": len(self.train),
            "test_images": len(self.test),
            "skipped_files": len(self.train.skipped) + len(self.test.skipped),
        }

    def scores(self, encoder: keras.Model) -> dict[str, float]:
        """Scores an encoder, if there are labels; else an empty dict."""
        if self.train.labels is None or self.test.labels is None:
            return {}
        config = self.config
        return evaluate.scores(
            encoder, self.train, self.test, k=config.neighbors, seed=config.seed
        )

    def draw(self, run: Path, encoder: keras.Model) -> None:
        """Draws the figures of the report into the run's folder."""
        draw_plots(
            run, encoder=encoder, train=self.train, test=self.test, views=self.views
        )


def _views(config: TrainConfig, shape: tuple[int, int, int]) -> Any:
    """The view maker of a run: the method's default, with its settings."""
    options = config.part("augment")
    if config.data == "digits":
        options = DIGITS_VIEWS | options
    if shape[0] != shape[1]:
        raise ValueError(
            "Views are square; give images of one side with --image-size. "
            f"Received: images of shape {shape}"
        )
    return call_with(augment.SimCLRImages, "augment", options, shape[0])
