# SPDX-License-Identifier: Apache-2.0
"""Folders of more pixels than memory should hold stay in their files."""

from __future__ import annotations

import dataclasses

from cl_keras import data
from cl_keras.data.images.decode_all import MAX_BYTES
from cl_keras.data.images.own_size import LARGEST_OWN
from cl_keras.data.readers import height_width
from cl_keras.runs.config import TrainConfig
from cl_keras.runs.jobs.images import default_side, training_files
from cl_keras.runs.stages import Stages


def with_stream(config: TrainConfig, spec: str, stages: Stages) -> TrainConfig:
    """Has a large folder of images decoded when their turn comes."""
    located = dataclasses.replace(config, data=spec)
    size = _size(located)
    if size <= MAX_BYTES:
        return config
    stages.say(
        f"{config.data} is {size / 2**30:.1f} GiB of pixels: its images are decoded "
        "when their turn comes (data.stream=true)"
    )
    return dataclasses.replace(
        config, settings={**config.settings, "data.stream": True}
    )


def _size(config: TrainConfig) -> int:
    """Bytes of the pixels; where they are few, of as large ones as there may be."""
    is_folder = config.data.startswith("folder:")
    if "data.stream" in config.settings or not is_folder:
        return 0
    if data.modality(config.data) != "image":
        return 0
    count = len(training_files(config))

    def of_size(height: int, width: int) -> int:
        return 3 * count * height * width

    if given := height_width(config.image_size):
        return of_size(*given)
    # Whoever finds the images' own size reads files: not where any size is small.
    most = of_size(LARGEST_OWN, LARGEST_OWN)
    if most <= MAX_BYTES:
        return most
    return of_size(*(height_width(default_side(config)) or (0, 0)))
