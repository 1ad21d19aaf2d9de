# SPDX-License-Identifier: Apache-2.0
"""The default signature: the encoder's own float input."""

from __future__ import annotations

from typing import Any

import keras

from cl_keras import artifact
from cl_keras.export.signatures import features
from cl_keras.export.signatures.signature import Facts, Signature, Tensors
from cl_keras.specification import Specification

#: Name of the function that fine-tuning calls.
TRAIN = "train"


def build(encoder: keras.Model, spec: Specification) -> Signature:
    """Builds the signature.

    Args:
        encoder: The encoder.
        spec: Its specification.

    Returns:
        The signature.
    """
    return signature(encoder, spec, artifact.FLOAT_SIGNATURE, training=False)


def train(encoder: keras.Model, spec: Specification) -> Signature:
    """Builds the function that fine-tuning calls; nothing that a server may offer.

    It drops units out and moves the averages of batch normalisation.

    Args:
        encoder: The encoder.
        spec: Its specification.

    Returns:
        The function, as a signature.
    """
    return signature(encoder, spec, TRAIN, training=True)


def signature(
    encoder: keras.Model, spec: Specification, name: str, training: bool
) -> Signature:
    """Builds a signature of the encoder's own input.

    Args:
        encoder: The encoder.
        spec: Its specification.
        name: Name of the signature.
        training: Whether the encoder is called in training mode.

    Returns:
        The signature.
    """

    def function(given: Tensors) -> Tensors:
        return features.named(
            features.embed(encoder, encoder_input(spec, given), training)
        )

    outputs = features.described(spec.features)
    return Signature(name, inputs(spec), outputs, function)


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
