# SPDX-License-Identifier: Apache-2.0
"""Encoders by name, for the command line and for recipes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras

from cl_keras.encoders import graph, patches, resnet, sequence, vit
from cl_keras.encoders.application import application
from cl_keras.encoders.backbone import backbone
from cl_keras.encoders.color_split import color_split
from cl_keras.encoders.compact_conv import compact_conv
from cl_keras.encoders.dim_conv import dim_conv
from cl_keras.encoders.mel import mel_conv, mel_sequence
from cl_keras.encoders.options import check_options
from cl_keras.registry import unknown

# One row an encoder.
ENCODERS: dict[str, Callable[..., keras.Model]] = {
    "compact_resnet": resnet.compact_resnet,
    "compact_conv": compact_conv,
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
# Models that others keep, by what stands before their name.
FAMILIES: dict[str, Callable[..., keras.Model]] = {
    "keras": application,
    "keras_hub": backbone,
}


def build(
    name: str, input_shape: tuple[int | None, ...], **options: Any
) -> keras.Model:
    """Builds an encoder by name.

    Images of up to 64 pixels get what suits them, unless it is among the options:
    the ResNets the stem `"small"`, the vision transformers patches of 4 pixels.

    Args:
        name: A key of `ENCODERS`; `"keras:MobileNetV3Small"` for any model of
            `keras.applications` (see `application`); or `"keras_hub:PRESET"` for an
            image backbone of KerasHub (see `backbone`).
        input_shape: Of one example: (height, width, channels) of an image, (None,)
            of a waveform, (None, channels) of a sequence of vectors.
        **options: Further arguments of the builder, such as `width=48`.

    Returns:
        A model: `(batch, *input_shape)` float32 -> (batch, features). Images are in
        [0, 1], waveforms in [-1, 1].

    Raises:
        ValueError: For an unknown name or option, or weights that cannot be had.
        ImportError: For a `keras_hub:` name without the extra `hub`.

    Example:
    >>> build("compact_resnet", (16, 16, 1), width=16).output_shape
    (None, 64)
    """
    family, colon, rest = name.partition(":")
    if colon and family in FAMILIES:
        return FAMILIES[family](rest, input_shape, **options)
    if name not in ENCODERS:
        known = [*ENCODERS, *(f"{family}:NAME" for family in FAMILIES)]
        raise unknown("encoder", name, known)
    if all(s and s <= 64 for s in input_shape[:2]):
        for start, option, value in _OF_SMALL_IMAGES:
            if name.startswith(start):
                options.setdefault(option, value)
    check_options(name, ENCODERS[name], options, ("input_shape",))
    try:
        return ENCODERS[name](input_shape=input_shape, **options)
    except TypeError as error:
        given = ", ".join(f"{key}={value!r}" for key, value in options.items())
        raise ValueError(
            f"Encoder {name!r} cannot use options of these types: {given}"
        ) from error
