# SPDX-License-Identifier: Apache-2.0
"""The output that every signature of an encoder has."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from cl_keras import artifact
from cl_keras.export.signatures.signature import Facts, Tensors


def embed(encoder: keras.Model, x: Any, training: bool = False) -> tf.Tensor:
    """Features, in float32 also from an encoder that computes in half precision.

    Args:
        encoder: The encoder.
        x: What it is called with.
        training: Whether in training mode.

    Returns:
        float32 `(batch, D)`.
    """
    return tf.cast(encoder(x, training=training), tf.float32)


def named(features: tf.Tensor) -> Tensors:
    """Names the output."""
    return {artifact.OUTPUT: features}


def described(features: int) -> Facts:
    """Describes the output.

    Args:
        features: Numbers that come out for an example.

    Returns:
        Name, dtype and shape.
    """
    return {artifact.OUTPUT: {"dtype": "float32", "shape": [None, features]}}
