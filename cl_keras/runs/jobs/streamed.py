# SPDX-License-Identifier: Apache-2.0
"""Runs on images that stay encoded, or in their files, until their turn comes."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import tensorflow as tf

from cl_keras import data, methods
from cl_keras.data.hold_out import hold_out
from cl_keras.data.images.decode_all import decode_all
from cl_keras.data.images.encoded_views import EncodedSource
from cl_keras.data.images.image_data import ImageData
from cl_keras.data.shared_classes import share_classes
from cl_keras.data.spec import parse
from cl_keras.data.split_folders import split_folders
from cl_keras.runs.config import TrainConfig, check_options, pipeline_options
from cl_keras.runs.jobs.images import ImageJob
from cl_keras.runs.jobs.job import data_options
from cl_keras.show.figures import spread

# Files read at once to be decoded for evaluation.
_CHUNK = 256
#: Settings of this job alone.
STREAM_OPTIONS = ("stream", "probed", "mapped")


class StreamedImageJob(ImageJob):
    """Images of any number: only those that are evaluated on are in memory as pixels.

    Training reads a folder's files into memory as they are, or packed records from
    their files, and decodes each image when its turn comes. Scores are those of a probe
    and a vote that have `data.probed` training images.

    Settings: `data.stream=true` chooses this job; `data.probed`, the largest number of
    training images, and of test images, to evaluate with; `data.mapped=false` reads
    records without mapping their files, as `data.record_images` says; those of
    `ImageJob`.

    Args:
        config: The run.
    """

    def __init__(self, config: TrainConfig) -> None:
        options = data_options(config)
        check_options(options, "data", ("pattern", "label", *STREAM_OPTIONS))
        probed = options.pop("probed", 10_000)
        if not isinstance(probed, int) or probed < 2:
            raise ValueError(
                "Expected data.probed to be a number of images, at least 2. "
                f"Received: {probed!r}"
            )
        del options["stream"]
        size = config.image_size
        if not isinstance(size, int):
            raise ValueError(
                "Expected --image-size, the side of square images, for images that "
                "stay in their files, where neither folder nor index tells it. "
                f"Received: {size} with {config.data}"
            )
        source, test = _open(config.data, options, size)
        if config.test_data is not None:
            test, _ = _open(config.test_data, options, size)
        elif test is None:
            held_out = hold_out(len(source), source.labels, 0.2, config.seed)
            source, test = (
                source.take(np.flatnonzero(~held_out)),
                source.take(np.flatnonzero(held_out)),
            )
        self.source = source
        self._test_images = len(test)
        super().__init__(
            config,
            share_classes(_pixels(source, probed, size), _pixels(test, probed, size)),
            tuple(sorted({*source.skipped, *test.skipped})),
        )

    def batches(self, start: int | None = None) -> tf.data.Dataset:
        """Builds the training pipeline: one epoch, or without end from a step on."""
        size, options = self.config.batch_size, pipeline_options(self.config, start)
        if methods.get(self.config.method).views == 1:
            side = self.input_shape[0]
            return data.encoded_one_view(self.source, side, size, **options)
        return data.encoded_two_views(self.source, self.views, size, **options)

    def facts(self) -> dict[str, int]:
        """Says what the data holds, for the summary."""
        return {
            "train_images": len(self.source),
            "test_images": self._test_images,
            "probed_images": len(self.train),
            "probed_test_images": len(self.test),
            "skipped_files": len(self.skipped),
        }

    def probe_config(self, spec: str) -> TrainConfig:
        """Loads separate labelled data as pixels."""
        found = super().probe_config(spec)
        kept = {
            name: value
            for name, value in found.settings.items()
            if name not in {f"data.{option}" for option in STREAM_OPTIONS}
        }
        return dataclasses.replace(found, settings=kept)


def _open(
    spec: str, options: dict[str, Any], size: int
) -> tuple[EncodedSource, EncodedSource | None]:
    """Opens training images, and test images where the data has some of its own."""
    kind, path = parse(spec)
    if kind == "folder":
        check_options(options, "data", ("pattern", "label"))
        parts = split_folders(path)
        if parts is None:
            return data.encoded_images(path, side=size, **options), None
        train, test = (
            data.encoded_images(part, side=size, **options) for part in parts
        )
        return train, test
    if kind == "tfrecord" and (index := data.RecordIndex.find(path)) is not None:
        check_options(options, "data", STREAM_OPTIONS)
        mapped = options.get("mapped") is not False
        names = ("train", "test") if index.part("test") else ("train",)
        opened = [data.record_images(path, part, mapped=mapped) for part in names]
        return opened[0], opened[1] if len(opened) > 1 else None
    raise ValueError(
        "Expected folder: or tfrecord: with the index that `cl-keras pack` writes, to "
        f"stream images from. Received: {spec}"
    )


def _pixels(source: EncodedSource, most: int, size: int) -> ImageData:
    rows = spread(len(source), most)
    images = _kept(source, rows, size)
    if images is None:
        images = _decoded(source, rows, size)
    return ImageData(
        source.name,
        images,
        None if source.labels is None else source.labels[rows],
        source.class_names,
    )


def _kept(source: EncodedSource, rows: np.ndarray, size: int) -> np.ndarray | None:
    """The pixels that were made when the images were looked at."""
    kept = source.pixels
    return None if kept is None or kept.shape[1] != size else kept[rows]


def _decoded(source: EncodedSource, rows: np.ndarray, size: int) -> np.ndarray:
    """The pixels, read a part at a time: of the files only these are in memory."""
    parts = []
    for start in range(0, len(rows), _CHUNK):
        chunk = rows[start : start + _CHUNK]
        images, bad = decode_all(source.read(chunk), (size, size))
        if bad:
            row, why = next(iter(bad.items()))
            raise ValueError(
                f"Image {chunk[row]} of {source.name} cannot be read: {why}"
            )
        parts.append(images)
    return np.concatenate(parts)
