# SPDX-License-Identifier: Apache-2.0
"""An encoder as a function, what goes in and comes out, and the signature of that."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from cl_keras import artifact
from cl_keras.export.signatures.signature import Facts, Signature, Tensors
from cl_keras.preprocessing.pixels import EXPECTED, within
from cl_keras.specification import Specification

Encode = Callable[[Any], tf.Tensor]

#: Name of the function that fine-tuning calls.
TRAIN = "train"


def encoding(
    encoder: keras.Model, spec: Specification, training: bool = False
) -> Encode:
    """Makes the function of an encoder that its signatures share; it is traced once."""
    specs: Any = {
        name: tf.TensorSpec(fact["shape"], fact["dtype"], name)
        for name, fact in inputs(spec).items()
    }
    if spec.modality != "graph":
        (specs,) = specs.values()

    def encode(x: Any) -> tf.Tensor:
        if training or spec.modality == "graph":
            return tf.cast(encoder(x, training=training), tf.float32)
        # oneDNN, which servers use where the CPU has AVX-512 VNNI, gives the
        # convolution of no rows the shape of its input (TensorFlow 2.21): a batch
        # without rows is computed as one row of zeros, which is left out again. By
        # `concat`, since `cond` makes OpenVINO's first answer wrong, and both it and
        # `pad` hide the channels from LiteRT's converter.
        rows = tf.shape(x)[0]
        sides = [tf.shape(x)[1] if n is None else n for n in spec.shape]
        filling = tf.zeros([tf.maximum(1 - rows, 0), *sides])
        filled = tf.ensure_shape(tf.concat([x, filling], 0), x.shape)
        return tf.cast(encoder(filled, training=False), tf.float32)[:rows]

    return tf.function(encode, input_signature=[specs], autograph=False)


def inputs(spec: Specification) -> Facts:
    """Describes the encoder's own inputs: names, dtypes and shapes."""
    if spec.modality == "graph":
        return {
            "features": {"dtype": "float32", "shape": [None, *spec.shape]},
            "edges": {"dtype": "int32", "shape": [None, 2]},
        }
    name = artifact.FLOAT_INPUT if spec.modality == "image" else "inputs"
    return {name: {"dtype": "float32", "shape": [None, *spec.shape]}}


def from_inputs(spec: Specification, given: Tensors) -> Any:
    """Takes from a signature's inputs what the encoder is called with."""
    if spec.modality == "graph":
        return given
    (tensor,) = given.values()
    return _checked(tensor) if spec.modality == "image" else tensor


def _checked(images: tf.Tensor) -> tf.Tensor:
    """Refuses pixels beyond [0, 1], of which features are wrong without a word.

    By the bare operation, which leaves one straight graph: `tf.debugging.Assert` puts
    it behind a condition. Converters for other runtimes leave it out.
    """
    low, high = tf.reduce_min(images), tf.reduce_max(images)
    said = [tf.constant(EXPECTED), low, high]
    check = tf.raw_ops.Assert(condition=within(low, high), data=said)
    with tf.control_dependencies([check]):
        return tf.identity(images)


def named(features: tf.Tensor) -> Tensors:
    """Names the output."""
    return {artifact.OUTPUT: features}


def described(features: int) -> Facts:
    """Describes the output."""
    return {artifact.OUTPUT: {"dtype": "float32", "shape": [None, features]}}


def build(
    encode: Encode, spec: Specification, name: str = artifact.FLOAT_SIGNATURE
) -> Signature:
    """Builds the signature of the encoder's own input, the default one."""

    def function(given: Tensors) -> Tensors:
        return named(encode(from_inputs(spec, given)))

    return Signature(name, inputs(spec), described(spec.features), function)


def train(encoder: keras.Model, spec: Specification) -> Signature:
    """Builds the function that fine-tuning calls; nothing that a server may offer.

    It drops units out and moves the averages of batch normalisation.
    """
    return build(encoding(encoder, spec, training=True), spec, TRAIN)
