# SPDX-License-Identifier: Apache-2.0
"""The encoder's own float input: the default signature, and fine-tuning."""

from __future__ import annotations

import keras

from cl_keras import artifact
from cl_keras.export.signatures import features
from cl_keras.export.signatures.features import Encode
from cl_keras.export.signatures.signature import Signature, Tensors
from cl_keras.specification import Specification

#: Name of the function that fine-tuning calls.
TRAIN = "train"


def build(
    encode: Encode, spec: Specification, name: str = artifact.FLOAT_SIGNATURE
) -> Signature:
    """Builds the signature."""

    def function(given: Tensors) -> Tensors:
        return features.named(encode(features.from_inputs(spec, given)))

    outputs = features.described(spec.features)
    return Signature(name, features.inputs(spec), outputs, function)


def train(encoder: keras.Model, spec: Specification) -> Signature:
    """Builds the function that fine-tuning calls; nothing that a server may offer.

    It drops units out and moves the averages of batch normalisation.
    """
    return build(features.encoding(encoder, spec, training=True), spec, TRAIN)
