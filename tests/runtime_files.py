# SPDX-License-Identifier: Apache-2.0
"""Encoders for other runtimes, and how to compare what those compute."""

from __future__ import annotations

import keras
import numpy as np
import pytest

layers = keras.layers
PACKAGES = {
    "litert": ("ai_edge_litert",),
    "onnx": ("tf2onnx", "onnx", "onnxruntime"),
    "openvino": ("openvino",),
}


def need(runtime):
    for package in PACKAGES[runtime]:
        pytest.importorskip(package)


def settle(encoder):
    """Statistics and gains that inference must use, other than the initial ones."""
    rng = np.random.default_rng(0)
    for layer in encoder.layers:
        if isinstance(layer, layers.BatchNormalization | layers.LayerNormalization):
            layer.set_weights([rng.uniform(0.5, 1.5, w.shape) for w in layer.weights])
    return encoder


def inputs(encoder, rows, length=700):
    shape = [length if side is None else side for side in encoder.input_shape[1:]]
    return np.random.default_rng(rows).uniform(-1, 1, (rows, *shape)).astype("float32")
