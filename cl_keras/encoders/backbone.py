# SPDX-License-Identifier: Apache-2.0
"""Encoders out of KerasHub's image backbones."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers

from cl_keras.extras import require


def backbone(
    preset: str,
    input_shape: tuple[int | None, ...],
    **options: Any,
) -> keras.Model:
    """Takes an image backbone of KerasHub for an encoder, pretrained.

    Locations, or a transformer's tokens, are averaged. The scaling that the preset's
    own image converter does is part of the encoder.

    Args:
        preset: A name such as `"resnet_18_imagenet"`, which KerasHub downloads, or a
            folder that `save_to_preset` has written.
        input_shape: (height, width, channels).
        **options: Further arguments of `keras_hub.models.Backbone.from_preset`, such
            as `load_weights=False`.

    Returns:
        A model: (batch, height, width, channels) in [0, 1] -> (batch, features).

    Raises:
        ImportError: If keras-hub is not installed.
        ValueError: If there is no such preset, or it is no backbone of images.

    Example:
    >>> backbone("resnet_18_imagenet", (96, 96, 3)).output_shape  # doctest: +SKIP
    (None, 512)
    """
    keras_hub = require("keras_hub", extra="hub")
    try:
        body = keras_hub.models.Backbone.from_preset(preset, **options)
        outputs = body.output
    except Exception as error:
        raise ValueError(
            f"KerasHub could not load the preset {preset!r}: {error}"
        ) from error
    if not isinstance(outputs, keras.KerasTensor) or len(body.input_shape) != 4:
        raise ValueError(
            f"Expected a preset whose backbone takes images. Received: {preset!r}, "
            f"{type(body).__name__}, of inputs {body.input_shape}"
        )
    images = keras.Input(input_shape, name="images")
    features = body(_converted(images, preset, keras_hub))
    if len(features.shape) == 4:
        features = layers.GlobalAveragePooling2D()(features)
    elif len(features.shape) == 3:
        features = layers.GlobalAveragePooling1D()(features)
    return keras.Model(images, features, name=body.name)


def _converted(images: Any, preset: str, keras_hub: Any) -> Any:
    """Scales pixels as the preset says, or leaves them in [0, 1]."""
    try:
        converter = keras_hub.layers.ImageConverter.from_preset(preset)
    except Exception:  # noqa: BLE001  # KerasHub has no error of its own for this.
        return images
    scale, offset = converter.scale, converter.offset
    if scale is None and offset is None:
        return layers.Rescaling(255.0)(images)
    # The converter takes 0 to 255: pixel * scale + offset, for each channel.
    scales = 255.0 * keras.ops.convert_to_numpy(1.0 if scale is None else scale)
    offsets = keras.ops.convert_to_numpy(0.0 if offset is None else offset)
    return layers.Rescaling(scales.tolist(), offset=offsets.tolist())(images)
