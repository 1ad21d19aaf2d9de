# SPDX-License-Identifier: Apache-2.0
"""Encoders by name, for the command line and for recipes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras

from cl_keras.encoders import resnet
from cl_keras.registry import unknown

# One row an encoder.
ENCODERS: dict[str, Callable[..., keras.Model]] = {
    "compact_resnet": resnet.compact_resnet,
    "resnet18": resnet.resnet18,
    "resnet34": resnet.resnet34,
    "resnet50": resnet.resnet50,
}
KERAS_PREFIX = "keras:"


def build(name: str, input_shape: tuple[int, int, int], **options: Any) -> keras.Model:
    """Builds an encoder by name.

    The ResNets get the stem that suits the image: `"small"` up to 64 pixels,
    unless `stem` is among the options.

    Args:
        name: A key of `ENCODERS`, or `"keras:MobileNetV3Small"` for any model
            of `keras.applications`, randomly initialised, without its classifier
            and with average pooling.
        input_shape: (height, width, channels).
        **options: Further arguments of the builder, such as `width=48`.

    Returns:
        A model: (batch, H, W, C) float32 in [0, 1] -> (batch, features).

    Raises:
        ValueError: For an unknown name or option.

    Example:
    >>> build("compact_resnet", (16, 16, 1), width=16).output_shape
    (None, 64)
    """
    if name.startswith(KERAS_PREFIX):
        return _application(name.removeprefix(KERAS_PREFIX), input_shape, options)
    if name not in ENCODERS:
        raise unknown("encoder", name, [*ENCODERS, "keras:<application>"])
    if name != "compact_resnet" and max(input_shape[:2]) <= 64:
        options.setdefault("stem", "small")
    try:
        return ENCODERS[name](input_shape=input_shape, **options)
    except TypeError as error:
        raise ValueError(f"Encoder {name!r} refused its options: {error}") from error


def _application(
    name: str, input_shape: tuple[int, int, int], options: dict[str, Any]
) -> keras.Model:
    known = [
        n for n, v in vars(keras.applications).items() if n[0].isupper() and callable(v)
    ]
    if name not in known:
        raise unknown("Keras application", name, known)
    # These models expect pixel values; how they scale them differs by family, and
    # those with a Rescaling layer of their own say so by `include_preprocessing`.
    body = getattr(keras.applications, name)(
        include_top=False,
        weights=None,
        pooling="avg",
        input_shape=input_shape,
        **options,
    )
    scales_itself = any(isinstance(x, keras.layers.Rescaling) for x in body.layers)
    images = keras.Input(input_shape, name="images")
    pixels = keras.layers.Rescaling(
        255.0 if scales_itself else 2.0, offset=0.0 if scales_itself else -1.0
    )(images)
    return keras.Model(images, body(pixels), name=name.lower())
