# SPDX-License-Identifier: Apache-2.0
"""Runs on images that stay encoded, or in their files, until their turn comes."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import numpy as np

from cl_keras.data.images.decode_all import decode_each
from cl_keras.data.images.encoded_source import EncodedSource
from cl_keras.data.images.image_data import ImageData
from cl_keras.data.shared_classes import share_classes
from cl_keras.data.source import Source
from cl_keras.data.test_part import hold_out_fifth, read_test_part
from cl_keras.runs.config import TrainConfig, check_options
from cl_keras.runs.jobs.images import ImageJob, sample_of, skipped_of
from cl_keras.runs.jobs.labelled import Pair
from cl_keras.runs.jobs.sample import Sample
from cl_keras.show.figures import spread

#: Settings of this job alone.
STREAM_OPTIONS = ("stream", "probed", "mapped")


class StreamedImageJob(ImageJob):
    """Images of any number: only those that are evaluated on are in memory as pixels.

    Training reads a folder's files (into memory as they are, where they are few), or
    packed records from theirs, and decodes each image when its turn comes. Scores are
    those of a probe and a vote that have `data.probed` training images.

    Settings: `data.stream=true` chooses this job; `data.probed`, the largest number of
    training images, and of test images, to evaluate with; `data.mapped=false` reads
    records without mapping their files, as `data.record_images` says; those of
    `ImageJob`.

    Args:
        config: The run.
        source: Its data.
    """

    data_settings = (
        *("pattern", "label", "group", "crops", "mirrored", "view_sizes"),
        *STREAM_OPTIONS,
    )

    def _open(self, source: Source, options: dict[str, Any]) -> None:
        """Opens the images; those to evaluate with are decoded when they are needed."""
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
            train, test = hold_out_fifth(source, train, config.seed)
        self.images: EncodedSource = train
        self._held_out: EncodedSource = test
        # Their classes are known, and checked, before any is decoded.
        chosen = (part.take(spread(len(part), probed)) for part in (train, test))
        self._probed = share_classes(*chosen)
        self.input_shape = (size, size, 3)

    @functools.cached_property
    def _parts(self) -> tuple[ImageData, ImageData]:  # type: ignore[override]
        train, test = (_decoded(part, self.input_shape[0])[0] for part in self._probed)
        return train, test

    def own_labels(self) -> Pair | None:
        """Gives the labels before the images are decoded."""
        train, test = (part.labels for part in self._probed)
        return None if train is None or test is None else (train, test)

    def sample(self, most: int) -> Sample:
        """Gives some test images, and decodes no others for it."""
        if "_parts" in self.__dict__:
            return super().sample(most)
        ids = spread(len(self._probed[1]), most)
        some, rows = _decoded(self._probed[1].take(ids), self.input_shape[0])
        return sample_of(some, ids[rows])

    @property
    def skipped(self) -> tuple[str, ...]:  # type: ignore[override]
        """Files left out, among them those that turned out to be bad by now."""
        sources = (self.images, self._held_out, *self._probed)
        bad = {text for source in sources for text in source.unreadable()}
        return tuple(sorted({*skipped_of(self.images, self._held_out), *bad}))

    def facts(self) -> dict[str, int]:
        """Says what the data holds, for the summary."""
        return {
            "train_images": len(self.images),
            "test_images": len(self._held_out),
            "probed_images": len(self._probed[0]),
            "probed_test_images": len(self._probed[1]),
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


def _decoded(source: EncodedSource, size: int) -> tuple[ImageData, np.ndarray]:
    """Decodes whole images: those that can be, and which these are."""
    rows = np.arange(len(source))
    images = source.pixels
    if images is None or images.shape[1] != size:
        images, good = decode_each(
            source.reader(), rows, (size, size), place=source.name
        )
        if not good.all():
            source.note(rows[~good])
            rows = rows[good]
    labels = None if source.labels is None else source.labels[rows]
    return ImageData(source.name, images, labels, source.class_names), rows
