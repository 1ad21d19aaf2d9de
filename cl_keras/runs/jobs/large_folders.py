# SPDX-License-Identifier: Apache-2.0
"""Folders of more pixels than memory should hold stay in their files."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence

from cl_keras.data.images.decode_all import MAX_BYTES
from cl_keras.data.images.own_size import LARGEST_OWN, height_width
from cl_keras.data.source import Source
from cl_keras.runs.config import TrainConfig
from cl_keras.runs.stages import Stages

#: Files of more bytes than these take minutes to decode, however small they become.
MAX_FILE_BYTES = MAX_BYTES


def with_stream(config: TrainConfig, source: Source, stages: Stages) -> TrainConfig:
    """Has a large folder of images decoded when their turn comes."""
    if "data.stream" in config.settings:
        return config
    if source.kind != "folder" or source.modality != "image":
        return config
    files = source.files().files
    size, of = _pixel_bytes(source, files, height_width(config.image_size)), "pixels"
    if size <= MAX_BYTES:
        size, of = sum(map(_file_bytes, files)), "files"
        if size <= MAX_FILE_BYTES:
            return config
    stages.say(
        f"{config.data} is {size / 2**30:.1f} GiB of {of}: its images are decoded "
        "when their turn comes (data.stream=true)"
    )
    return dataclasses.replace(
        config, settings={**config.settings, "data.stream": True}
    )


def _pixel_bytes(
    source: Source, files: Sequence[str], size: tuple[int, int] | None
) -> int:
    """Bytes of the pixels; where they are few, of as large ones as there may be."""
    count = 3 * len(files)
    # Whoever finds the images' own size reads files: not where any size is small.
    most = count * LARGEST_OWN**2
    if size is None and most <= MAX_BYTES:
        return most
    if size is None:
        size = (min(source.default_size() or (0, 0)),) * 2
    return count * size[0] * size[1]


def _file_bytes(file: str) -> int:
    try:
        return os.path.getsize(file)
    except OSError:
        return 0  # Whoever reads it says why.
