# SPDX-License-Identifier: Apache-2.0
"""Runs on images that stay encoded, or in their files, until their turn comes."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from cl_keras.data.images.decode_all import decode_all
from cl_keras.data.images.encoded_source import EncodedSource
from cl_keras.data.images.image_data import ImageData
from cl_keras.data.loading import read_test_part
from cl_keras.data.shared_classes import share_classes
from cl_keras.data.source import Source
from cl_keras.runs.config import TrainConfig, check_options
from cl_keras.runs.jobs.images import ImageJob
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
        source: Its data.
    """

    data_settings = ("pattern", "label", *STREAM_OPTIONS)

    def __init__(self, config: TrainConfig, source: Source) -> None:
        super().__init__(config, source)
        self.images = self.source
        self.skipped = tuple(sorted({*self.source.skipped, *self._held_out.skipped}))

    def _read(
        self, source: Source, options: dict[str, Any]
    ) -> tuple[ImageData, ImageData]:
        """Opens the images, and reads those to evaluate with."""
        config, size = self.config, self.config.image_size
        probed = options.get("probed", 10_000)
        if not isinstance(probed, int) or probed < 2:
            raise ValueError(
                "Expected data.probed to be a number of images, at least 2. "
                f"Received: {probed!r}"
            )
        if not isinstance(size, int):
            raise ValueError(
                "Expected --image-size, the side of square images, for images that "
                "stay in their files, where neither folder nor index tells it. "
                f"Received: {size} with {config.data}"
            )
        if source.kind == "folder":
            # Of records alone: a folder's files are not mapped.
            check_options(options, "data", set(self.data_settings) - {"mapped"})
        wanted: dict[str, Any] = {
            "side": size,
            "mapped": options.get("mapped") is not False,
        }
        train: Any = source.stream(**wanted)
        test: Any = read_test_part(
            source, config.test_data, lambda x, part: x.stream(part, **wanted)
        )
        if test is None:
            train, test = train.split(0.2, config.seed)
        self.source: EncodedSource = train
        self._held_out: EncodedSource = test
        return share_classes(_pixels(train, probed, size), _pixels(test, probed, size))

    def facts(self) -> dict[str, int]:
        """Says what the data holds, for the summary."""
        return {
            "train_images": len(self.source),
            "test_images": len(self._held_out),
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
