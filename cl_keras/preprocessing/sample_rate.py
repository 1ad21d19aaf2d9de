# SPDX-License-Identifier: Apache-2.0
"""The sample rate that an encoder of waveforms knows, kept in the encoder itself.

A layer of Keras's own that does nothing keeps it by its name: so it survives saving,
cloning and nesting, and the file still loads where there is only Keras.
"""

from __future__ import annotations

import re
from typing import Any

import keras

_MARK = re.compile(r"sample_rate_(\d+)")


def marked(waveforms: keras.KerasTensor, sample_rate: int) -> keras.KerasTensor:
    """Notes the rate of waveforms in the model that is built on them."""
    return _mark(sample_rate)(waveforms)


def sample_rate_of(encoder: keras.Model) -> int | None:
    """Tells which sample rate an encoder knows.

    Args:
        encoder: A Keras model. One of your own class may have an attribute
            `sample_rate`, which its `get_config` saves.

    Returns:
        Samples a second, or None where the encoder does not say.

    Example:
    >>> sample_rate_of(keras.Sequential([keras.layers.Dense(2)]))
    """
    own = getattr(encoder, "sample_rate", None)
    if isinstance(own, int) and own > 0:
        return own
    for layer in getattr(encoder, "layers", ()):
        if found := _MARK.fullmatch(layer.name):
            return int(found[1])
        if inner := sample_rate_of(layer):
            return inner
    return None


def with_sample_rate(encoder: keras.Model, sample_rate: int) -> keras.Model:
    """Keeps a sample rate with an encoder of waveforms.

    `cl-keras embed`, `evaluate`, `neighbors` and exports then bring every recording
    to this rate.

    Args:
        encoder: Functional or sequential model of one input.
        sample_rate: Samples a second of the recordings that it was trained on.

    Returns:
        A copy with the same layers and weights; the encoder itself if it knows the rate
        already.

    Raises:
        ValueError: If it knows another rate, is of another kind, or the rate is not a
            positive whole number.

    Example:
    >>> encoder = keras.Sequential([keras.Input((400,)), keras.layers.Dense(2)])
    >>> sample_rate_of(with_sample_rate(encoder, 8_000))
    8000
    """
    mark = _mark(sample_rate)
    known = sample_rate_of(encoder)
    if known == sample_rate:
        return encoder
    if known is not None:
        raise ValueError(
            f"Expected the sample rate that the encoder knows, {known} Hz. Received: "
            f"sample_rate={sample_rate}"
        )
    if len(getattr(encoder, "inputs", None) or ()) != 1:
        raise ValueError(
            "Expected a functional or sequential encoder of one input; a class of your "
            "own can have an attribute `sample_rate` that its `get_config` saves. "
            f"Received: {type(encoder).__name__} {encoder.name!r}"
        )
    if isinstance(encoder, keras.Sequential):
        encoder = keras.Model(encoder.inputs, encoder.outputs[0], name=encoder.name)
    given = encoder.inputs[0]
    inputs = keras.Input(batch_shape=given.shape, dtype=given.dtype, name=given.name)
    after = mark(inputs)

    def call(layer: keras.layers.Layer, *args: Any, **kwargs: Any) -> Any:
        through = keras.tree.map_structure(lambda x: after if x is inputs else x, args)
        return layer(*through, **kwargs)

    inputs_of = keras.tree.map_structure(lambda _: inputs, encoder.input)
    # Layers of its own: shared ones would be in two graphs, and have two outputs.
    copy = keras.models.clone_model(encoder, inputs_of, call_function=call)
    copy.set_weights(encoder.get_weights())
    return copy


def _mark(sample_rate: int) -> keras.layers.Layer:
    if type(sample_rate) is not int or sample_rate < 1:
        raise ValueError(
            "Expected a positive whole number of samples a second. Received: "
            f"sample_rate={sample_rate!r}"
        )
    return keras.layers.Identity(name=f"sample_rate_{sample_rate}")
