# SPDX-License-Identifier: Apache-2.0
"""Runs on images."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from cl_keras import augment, data, encoders, evaluate, methods
from cl_keras.data.images.encoded_source import EncodedSource
from cl_keras.data.images.image_data import ImageData
from cl_keras.data.images.own_size import USUAL_SIZE, height_width
from cl_keras.data.loading import split_images
from cl_keras.data.source import Source
from cl_keras.evaluate.baselines import flat_pixels
from cl_keras.method_table import Method
from cl_keras.runs.config import TrainConfig, call_with, check_options, pipeline_options
from cl_keras.runs.jobs.figures import draw_plots
from cl_keras.runs.jobs.job import Job, data_options
from cl_keras.runs.jobs.labelled import LabelledData, Pair
from cl_keras.runs.jobs.model import build_model
from cl_keras.runs.jobs.sample import Sample
from cl_keras.runs.jobs.view_sizes import ViewSizes, of_any_size
from cl_keras.show.figures import spread

# Digits have a direction and no colour: a mirrored 2 is no digit. Views span what the
# class does not depend on: of scattered digits place and size (by the crop), and angle.
_DIGITS: dict[str, Any] = {"flip": 0.0, "grayscale": 0.0, "scale": (0.3, 1.0)}
VIEWS: dict[str, dict[str, Any]] = {
    "digits": _DIGITS,
    "scattered_digits": _DIGITS | {"scale": (0.5, 1.0), "rotation": 20.0},
}


class ImageJob(Job):
    """Images in memory; two random views of each, or the image itself.

    Settings: `data.pattern` (labels in file names), `data.label` (the group of it
    that gives them), `data.group` (the group whose values stay in one part each when a
    fifth is held out), `data.channels` (1: images become grey, 3: RGB), `data.crops`
    (scores are of mean features over a grid of so many crops in each direction),
    `data.mirrored=true` (the linear probe learns from mirror images too) and
    `data.view_sizes` (sides of the views, each for an equal part of the epochs).

    Args:
        config: The run.
        source: Its data.
    """

    unit = "images"
    data_settings: tuple[str, ...] = (
        *("pattern", "label", "group", "channels"),
        *("crops", "mirrored", "view_sizes", "stream"),
    )

    def __init__(self, config: TrainConfig, source: Source) -> None:
        self.config = config
        options = data_options(config)
        check_options(options, "data", self.data_settings)
        self.encoder_options: dict[str, Any] = {}
        self.crops = options.get("crops", 0)
        self.mirrored = options.get("mirrored", False)
        if not isinstance(self.mirrored, bool):
            raise ValueError(
                "Expected data.mirrored to be true or false. "
                f"Received: {self.mirrored!r}"
            )
        self._made: dict[int | None, tf.data.Dataset] = {}
        self._open(source, options)

    def _open(self, source: Source, options: dict[str, Any]) -> None:
        """Reads the images to train on and to test with."""
        config = self.config
        self._parts = split_images(
            source,
            config.test_data,
            config.seed,
            image_size=config.image_size,
            channels=options.get("channels"),
        )
        #: What is trained on.
        self.images: ImageData | EncodedSource = self.train
        self.skipped = skipped_of(self.train, self.test)
        self.input_shape = self.train.shape

    @property
    def train(self) -> ImageData:
        """Training images, in memory."""
        return self._parts[0]

    @property
    def test(self) -> ImageData:
        """Test images, in memory."""
        return self._parts[1]

    @functools.cached_property
    def views(self) -> Any:
        """Maps images to two views: what is only scored need not be square."""
        return _views(self.config, self.input_shape)

    def batches(self, start: int | None = None) -> tf.data.Dataset:
        """Builds the training pipeline: one epoch, or without end from a step on."""
        if start not in self._made:
            self._made[start] = self._batches(start)
        return self._made[start]

    def steps(self) -> int:
        """Counts the steps of an epoch, with the pipeline that training begins with."""
        self.batches(start=0)  # It takes a second to make, and is made once.
        return self._steps

    @property
    def _steps(self) -> int:
        return len(self.images) // self.config.batch_size

    def turns(self) -> list[int]:
        """Epochs after the first that begin with another size of views."""
        sizes = ViewSizes.of(self.config)
        return sizes.turns() if sizes else []

    def _batches(self, start: int | None) -> tf.data.Dataset:
        size, options = self.config.batch_size, pipeline_options(self.config, start)
        row = methods.get(self.config.method)
        if row.views == 1:
            side = self.input_shape[0]
            return data.one_view(self.images, size, size=side, **options)
        if "labels" in row.needs:
            if self.images.labels is None:
                raise ValueError(
                    f"{self.config.method} learns from labels. Received: "
                    f"{self.config.data}, which has none"
                )
            options["with_labels"] = True
        views, sizes = self.views, ViewSizes.of(self.config)
        if sizes is None:
            return data.two_views(self.images, views, size, **options)
        if start is not None:
            side = sizes.side(start // self._steps)
            views = dataclasses.replace(views, size=side)
        return data.two_views(self.images, views, size, **options).map(of_any_size)

    def examples(self, steps: int) -> int:
        """Counts the examples of so many steps."""
        return steps * self.config.batch_size

    def facts(self) -> dict[str, Any]:
        """Says what the data holds, for the summary."""
        return {
            "train_images": len(self.train),
            "test_images": len(self.test),
            "skipped_files": len(self.skipped),
        }

    def own_labelled(self) -> LabelledData | None:
        """Gives the labelled images; raw inputs are their pixels."""
        labels, test_labels = self.train.labels, self.test.labels
        if labels is None or test_labels is None:
            return None
        images = self.train.images, self.test.images
        return LabelledData(
            features=lambda encoder: self._features(encoder, *images),
            raw=lambda: self._each(flat_pixels, *images),
            labels=(labels, test_labels),
            inputs=images,
            raw_inputs="pixels",
            augment=_crops(self.config, self.train.shape),
            copies=2 if self.mirrored else 1,
        )

    def _features(self, encoder: Any, train: np.ndarray, test: np.ndarray) -> Pair:
        if self.crops:
            encoder = encoders.mean_of_crops(encoder, self.crops)
        return self._each(functools.partial(evaluate.embed, encoder), train, test)

    def _each(
        self,
        rows: Callable[[np.ndarray], np.ndarray],
        train: np.ndarray,
        test: np.ndarray,
    ) -> Pair:
        """Rows of both parts, and of the mirror images of the first if asked for."""
        found = rows(train)
        if self.mirrored:
            found = np.concatenate([found, rows(train[:, :, ::-1])])
        return found, rows(test)

    def probe_config(self, spec: str) -> TrainConfig:
        """Makes the images as large as those of training."""
        return dataclasses.replace(
            super().probe_config(spec), image_size=self.input_shape[:2]
        )

    def sample(self, most: int) -> Sample:
        """Gives some test images."""
        ids = spread(len(self.test), most)
        return sample_of(self.test.take(ids), ids)

    def draw(self, run: Path, encoder: keras.Model) -> None:
        """Draws the figures of the report into the run's folder."""
        draw_plots(
            run,
            encoder=encoder,
            train=self.train,
            test=self.test,
            # Views are square, of which an encoder of other images can say nothing.
            views=self.views if self.input_shape[0] == self.input_shape[1] else None,
            k=self.config.neighbors,
        )


def sample_of(data: ImageData, ids: np.ndarray) -> Sample:
    """Images to look at an encoder with, and their places in the data."""
    return Sample(
        lambda encoder: evaluate.embed(encoder, data.images),
        ids,
        data.labels,
        data.class_names,
        data.images,
    )


def skipped_of(*parts: ImageData | EncodedSource) -> tuple[str, ...]:
    """Files left out: a part that was held out knows those of the whole."""
    return tuple(sorted(set().union(*(part.skipped for part in parts))))


def settled(config: TrainConfig, source: Source) -> TrainConfig:
    """Checks a run's settings by building its model, before any image is decoded."""
    if config.image_size is None and (own := source.default_size()):
        config = dataclasses.replace(config, image_size=min(own))
    size = height_width(config.image_size)
    shape = (*(size or USUAL_SIZE), config.part("data").get("channels", 3))
    if methods.get(config.method).views > 1:
        _views(config, shape)
    if size is None or source.kind not in ("folder", "tfds", "tfrecord"):
        return config  # In memory at once, and of a shape of its own.
    build_model(config, SimpleNamespace(input_shape=shape, encoder_options={}))
    return config


def _crops(config: TrainConfig, shape: tuple[int, int, int]) -> Any:
    """Crops and, unless the run's views have none, flips: for training with labels."""
    if shape[0] != shape[1] or shape[2] not in (1, 3):
        return None
    flip = (VIEWS.get(config.data, {}) | config.part("augment")).get("flip", 0.5)
    return augment.ImageView(shape[0], scale=(0.5, 1.0), flip=flip, jitter=0.0)


def _views(config: TrainConfig, shape: tuple[int, int, int]) -> Any:
    """The view maker of a run: the method's default, with its settings."""
    # Data that is only scored has no method.
    row = methods.METHODS.get(config.method)
    of_method = row.view_options if row else {}
    options = {
        **VIEWS.get(config.data, {}),
        **of_method,
        **config.part("augment"),
    }
    if shape[0] != shape[1]:
        raise ValueError(
            "Views are square; give images of one side with --image-size. "
            f"Received: images of shape {shape}"
        )
    maker = getattr(augment, row.view_maker if row else Method.view_maker)
    return call_with(maker, "augment", options, shape[0])
