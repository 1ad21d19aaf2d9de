# SPDX-License-Identifier: Apache-2.0
"""The encoder of a run that names none, of data that is no images."""

from __future__ import annotations

import dataclasses

from cl_keras.data.source import Source
from cl_keras.runs.config import TrainConfig

SEQUENCE_ENCODER = "mel_conv"


def with_encoder(
    config: TrainConfig, begun: TrainConfig | None, source: Source | None
) -> TrainConfig:
    """Takes, of recordings, an encoder of recordings for the general default.

    That one is of images and can encode nothing else. A run that goes on without a
    look at its data has chosen already.
    """
    if config.encoder != TrainConfig.encoder:
        return config
    if source is not None and source.modality == "audio":
        return dataclasses.replace(config, encoder=SEQUENCE_ENCODER)
    if begun is not None and begun.encoder == SEQUENCE_ENCODER:
        return dataclasses.replace(config, encoder=SEQUENCE_ENCODER)
    return config
