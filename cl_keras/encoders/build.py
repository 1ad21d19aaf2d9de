# SPDX-License-Identifier: Apache-2.0
"""Encoders by name, for the command line and for recipes."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Container
from typing import Any

import keras

from cl_keras.encoders import graph, patches, resnet, sequence, vit
from cl_keras.encoders.color_split import color_split
from cl_keras.encoders.dim_conv import dim_conv
from cl_keras.encoders.mel import mel_conv, mel_sequence
from cl_keras.registry import unknown

# One row an encoder.
ENCODERS: dict[str, Callable[..., keras.Model]] = {
    "compact_resnet": resnet.compact_resnet,
    "color_split": color_split,
    "dim_conv": dim_conv,
    "resnet18": resnet.resnet18,
    "resnet34": resnet.resnet34,
    "resnet50": resnet.resnet50,
    "vit_tiny": vit.vit_tiny,
    "vit_small": vit.vit_small,
    "vit_base": vit.vit_base,
    "audio_conv": sequence.audio_conv,
    "mel_conv": mel_conv,
    "mel_sequence": mel_sequence,
    "vector_sequence": sequence.vector_sequence,
    "patch_grid": patches.patch_grid,
    "gcn": graph.gcn,
    "diffusion_gcn": graph.diffusion_gcn,
    "graph_sage": graph.graph_sage,
    "gin": graph.gin,
}
# Options by the beginning of an encoder's name.
_OF_SMALL_IMAGES = (("resnet", "stem", "small"), ("vit", "patch", 4))
KERAS_PREFIX = "keras:"
# What an encoder of Keras's applications is: they are given here, or of a classifier.
_TAKEN = (
    *("include_top", "weights", "pooling", "input_tensor", "input_shape"),
    *("classes", "classifier_activation"),
)


def build(
    name: str, input_shape: tuple[int | None, ...], **options: Any
) -> keras.Model:
    """Builds an encoder by name.

    Images of up to 64 pixels get what suits them, unless it is among the options:
    the ResNets the stem `"small"`, the vision transformers patches of 4 pixels.

    Args:
        name: A key of `ENCODERS`, or `"keras:MobileNetV3Small"` for any model
            of `keras.applications`, randomly initialised, without its classifier
            and with average pooling.
        input_shape: Of one example: (height, width, channels) of an image, (None,)
            of a waveform, (None, channels) of a sequence of vectors.
        **options: Further arguments of the builder, such as `width=48`.

    Returns:
        A model: (batch, *input_shape) float32 -> (batch, features). Images are in
        [0, 1], waveforms in [-1, 1].

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
    if all(s and s <= 64 for s in input_shape[:2]):
        for family, option, value in _OF_SMALL_IMAGES:
            if name.startswith(family):
                options.setdefault(option, value)
    _check_options(name, ENCODERS[name], options, ("input_shape",))
    try:
        return ENCODERS[name](input_shape=input_shape, **options)
    except TypeError as error:
        raise ValueError(f"Encoder {name!r} refused its options: {error}") from error


def _check_options(
    name: str, builder: Callable, options: dict[str, Any], taken: Container[str]
) -> None:
    """Names the near option where one is unknown; `taken` are not the caller's."""
    known = [p for p in inspect.signature(builder).parameters if p not in taken]
    for option in options:
        if option not in known:
            raise unknown(f"option of the encoder {name}", option, known)


def _application(
    name: str, input_shape: tuple[int | None, ...], options: dict[str, Any]
) -> keras.Model:
    known = [
        n for n, v in vars(keras.applications).items() if n[0].isupper() and callable(v)
    ]
    if name not in known:
        raise unknown("Keras application", name, known)
    # Families that scale pixels themselves take 0 to 255: they say so by an argument,
    # the first EfficientNets by nothing. The others take -1 to 1.
    application = getattr(keras.applications, name)
    _check_options(KERAS_PREFIX + name, application, options, _TAKEN)
    scales_itself = "include_preprocessing" in inspect.signature(
        application
    ).parameters or name.startswith("EfficientNet")
    images = keras.Input(input_shape, name="images")
    pixels = keras.layers.Rescaling(
        255.0 if scales_itself else 2.0, offset=0.0 if scales_itself else -1.0
    )(images)
    # One flat graph, not a model in a model: methods tap its layers by name.
    body = application(
        include_top=False, weights=None, pooling="avg", input_tensor=pixels, **options
    )
    return keras.Model(images, body.outputs[0], name=name.lower())
