# SPDX-License-Identifier: Apache-2.0
"""The signature that takes serialized `tf.train.Example`s."""

from __future__ import annotations

from functools import partial

import tensorflow as tf

from cl_keras import artifact
from cl_keras.export.signatures import features
from cl_keras.export.signatures.audio_bytes import shortest
from cl_keras.export.signatures.features import Encode
from cl_keras.export.signatures.options import Options
from cl_keras.export.signatures.reader import Reader
from cl_keras.export.signatures.signature import Signature
from cl_keras.preprocessing.pixels import within
from cl_keras.specification import Specification


def build(
    encode: Encode,
    spec: Specification,
    options: Options,
    files: Reader | None,
) -> list[Signature]:
    """Builds the signature."""
    if spec.modality == "graph":
        return []
    if files is not None:
        feature, dtype = files.name, "string"
        unpack = partial(_content, feature=feature)
        reader = files.unpacking(artifact.EXAMPLES_INPUT, unpack)
    else:
        least = 1 if spec.shape[0] else shortest(encode, spec)
        if least is None:
            return []
        ((feature, _),) = features.inputs(spec).items()
        dtype = "float32"
        reader = Reader(
            artifact.EXAMPLES_INPUT,
            partial(
                _numbers,
                feature=feature,
                shape=spec.shape,
                is_image=spec.modality == "image",
            ),
            encode,
            spec.shape,
            spec.features,
            options.on_error,
            least=least,
            facts={"on_error": options.on_error},
        )
    return [
        reader.signature(
            artifact.EXAMPLES_SIGNATURE,
            features.described(spec.features),
            features.named,
            examples={"feature": feature, "dtype": dtype},
        )
    ]


def _content(example: tf.Tensor, feature: str) -> tf.Tensor:
    """The one file in an Example."""
    spec = {feature: tf.io.FixedLenFeature((), tf.string)}
    return tf.io.parse_single_example(example, spec)[feature]


def _numbers(
    example: tf.Tensor, feature: str, shape: tuple[int | None, ...], is_image: bool
) -> tf.Tensor:
    """The numbers in an Example."""
    spec = {feature: tf.io.VarLenFeature(tf.float32)}
    numbers = tf.io.parse_single_example(example, spec)[feature].values
    good = tf.reduce_all(tf.math.is_finite(numbers)) & (tf.size(numbers) > 0)
    expected = f"Expected finite numbers in {feature!r}."
    if is_image:
        good &= within(tf.reduce_min(numbers), tf.reduce_max(numbers))
        expected = f"Expected pixels in [0, 1] in {feature!r}."
    check = tf.debugging.Assert(good, [expected])
    with tf.control_dependencies([check]):
        return tf.reshape(numbers, [-1 if n is None else n for n in shape])
