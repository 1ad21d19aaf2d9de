# SPDX-License-Identifier: Apache-2.0
"""Encoders out of `keras.applications`, with random or pretrained weights."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import keras
from keras import layers

from cl_keras.encoders.options import check_options
from cl_keras.encoders.scaling import SYMMETRIC, scaled
from cl_keras.registry import unknown

# What an encoder of Keras's applications is: they are given here, or of a classifier.
_TAKEN = (
    *("include_top", "weights", "pooling", "input_tensor", "input_shape"),
    *("classes", "classifier_activation"),
)
# How the weights' authors scaled pixels, where the network does not do it itself.
_CAFFE = ("ResNet50", "ResNet101", "ResNet152", "VGG16", "VGG19")
_TORCH = ("DenseNet121", "DenseNet169", "DenseNet201")
_CAFFE_MEAN = (103.939, 116.779, 123.68)  # Blue, green, red; of 0 to 255.


def application(
    name: str,
    input_shape: tuple[int | None, ...],
    weights: str | None = None,
    **options: Any,
) -> keras.Model:
    """Builds a model of `keras.applications` as an encoder.

    The classifier is left out, features are averages over locations, and the pixels'
    scaling is part of the encoder: the one that pretrained weights were trained with.

    Args:
        name: Such as `"ResNet50V2"`.
        input_shape: (height, width, channels).
        weights: `"imagenet"`, which Keras downloads once; a `.weights.h5` file of the
            model without its classifier; or None for random ones.
        **options: Further arguments of the application.

    Returns:
        A model: (batch, height, width, channels) in [0, 1] -> (batch, features).

    Raises:
        ValueError: For an unknown name or option, or weights that do not fit or cannot
            be had.

    Example:
    >>> application("MobileNetV3Small", (32, 32, 3)).output_shape
    (None, 576)
    """
    names = [
        n for n, v in vars(keras.applications).items() if n[0].isupper() and callable(v)
    ]
    if name not in names:
        raise unknown("Keras application", name, names)
    builder = getattr(keras.applications, name)
    check_options(f"keras:{name}", builder, options, _TAKEN)
    if weights not in (None, "imagenet") and not Path(weights).expanduser().is_file():
        raise ValueError(
            f"Expected weights=imagenet or a file of weights. Received: {weights!r}"
        )
    images = keras.Input(input_shape, name="images")
    pixels = _scaled(images, name, builder, pretrained=weights is not None)
    fixed = {"include_top": False, "pooling": "avg", "input_tensor": pixels}
    try:
        # One flat graph, not a model in a model: methods tap its layers by name.
        body = builder(weights=weights, **fixed, **options)
    except Exception as error:
        if weights is None:
            raise
        raise ValueError(
            f"The weights {weights!r} of keras:{name} cannot be loaded: {error}"
        ) from error
    return keras.Model(images, body.outputs[0], name=name.lower())


def _scaled(images: Any, name: str, builder: Any, *, pretrained: bool) -> Any:
    # Families that scale pixels themselves take 0 to 255: they say so by an argument,
    # the first EfficientNets by nothing. The others take -1 to 1, without weights too.
    is_own = "include_preprocessing" in inspect.signature(builder).parameters
    if is_own or name.startswith("EfficientNet"):
        return layers.Rescaling(255.0)(images)
    if pretrained and name in _CAFFE:
        bgr = keras.ops.flip(images, axis=-1)
        return layers.Rescaling(255.0, offset=[-mean for mean in _CAFFE_MEAN])(bgr)
    return scaled(images, "imagenet" if pretrained and name in _TORCH else SYMMETRIC)
