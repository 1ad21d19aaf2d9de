# SPDX-License-Identifier: Apache-2.0
"""Inner values of an encoder, by the names of its layers."""

from __future__ import annotations

import math
from collections.abc import Mapping

import keras

from cl_keras.registry import unknown

FEATURES = "features"


def tap(encoder: keras.Model, layers: Mapping[str, str]) -> keras.Model:
    """Builds a model that also gives the outputs of inner layers.

    It shares the encoder's layers and weights: one pass computes everything. This
    is how methods reach local features, latents or contexts of *any* encoder,
    while the encoder itself keeps giving one vector per example.
    """
    if not getattr(encoder, "inputs", None):
        raise TypeError(
            "Expected a functional or sequential encoder of known input shape, whose "
            "inner layers have names and outputs. Received: "
            f"{type(encoder).__name__} {encoder.name!r}"
        )
    known = {layer.name: layer for layer in encoder.layers}
    outputs = {FEATURES: encoder.outputs[0]}
    for key, name in layers.items():
        if name not in known:
            raise unknown(f"layer of {encoder.name}", name, list(known))
        outputs[key] = known[name].output
    # A sequential model that nobody has called has `inputs` alone.
    inputs = getattr(encoder, "input", encoder.inputs)
    if isinstance(inputs, list) and len(inputs) == 1:
        inputs = inputs[0]
    return keras.Model(inputs, outputs, name=f"{encoder.name}_taps")


def last_map(encoder: keras.Model, least: int) -> str:
    """Names the last activation that gives a map of at least so many locations."""
    kinds = (keras.layers.Activation, keras.layers.ReLU, keras.layers.LeakyReLU)
    for layer in reversed(encoder.layers):
        if isinstance(layer, kinds) and len(layer.output.shape) > 2:
            sides = layer.output.shape[1:-1]
            if None not in sides and math.prod(sides) >= least:
                return layer.name
    side = math.isqrt(least)
    raise ValueError(
        f"{encoder.name} has no activation with a map of at least {side}x{side} "
        "locations: name one of its layers with `local_layer`. Its layers: "
        + ", ".join(layer.name for layer in encoder.layers)
    )


def map_shape(encoder: keras.Model, name: str) -> tuple[int, ...]:
    """The sizes of a layer's map, without the batch's."""
    shape = tuple(encoder.get_layer(name).output.shape[1:])
    if len(shape) < 2 or None in shape:
        raise ValueError(
            "`local_layer` must give a map of known size, (batch, ..., channels). "
            f"Received: local_layer={name!r} of output shape {(None, *shape)}"
        )
    return shape
