# SPDX-License-Identifier: Apache-2.0
"""Inner values of an encoder, by the names of its layers."""

from __future__ import annotations

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
    inputs = encoder.input if isinstance(encoder.input, dict) else encoder.inputs
    if isinstance(inputs, list) and len(inputs) == 1:
        inputs = inputs[0]
    return keras.Model(inputs, outputs, name=f"{encoder.name}_taps")
