# SPDX-License-Identifier: Apache-2.0
"""The default signature: the encoder's own float input."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from cl_keras import artifact
from cl_keras.export.signatures.options import Options
from cl_keras.export.signatures.signature import Facts, Signature, Tensors, embedding
from cl_keras.specification import Specification


def build(encoder: keras.Model, spec: Specification, options: Options) -> Signature:
    """Builds the signature.

    Args:
        encoder: The encoder.
        spec: Its specification.
        options: Not read.

    Returns:
        The signature.
    """
    del options

    def function(inputs: Tensors) -> Tensors:
        return {artifact.OUTPUT: embed(encoder, encoder_input(spec, inputs))}

    return Signature(
        artifact.FLOAT_SIGNATURE, inputs(spec), embedding(spec.features), function
    )


def embed(encoder: keras.Model, x: Any, training: bool = False) -> tf.Tensor:
    """Features, in float32 also from an encoder that computes in half precision."""
    return tf.cast(encoder(x, training=training), tf.float32)


def encoder_input(spec: Specification, inputs: Tensors) -> Any:
    """What the encoder is called with: a dict for a graph, else the one tensor."""
    return inputs if spec.modality == "graph" else next(iter(inputs.values()))


def inputs(spec: Specification) -> Facts:
    """Names, dtypes and shapes of the inputs."""
    if spec.modality == "graph":
        return {
            "features": {"dtype": "float32", "shape": [None, *spec.shape]},
            "edges": {"dtype": "int32", "shape": [None, 2]},
        }
    name = artifact.FLOAT_INPUT if spec.modality == "image" else "inputs"
    return {name: {"dtype": "float32", "shape": [None, *spec.shape]}}
