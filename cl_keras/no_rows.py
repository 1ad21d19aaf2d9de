# SPDX-License-Identifier: Apache-2.0
"""Convolutions of batches without rows, where TensorFlow's give a wrong shape.

On CPUs with oneDNN a convolution of no rows has the shape of its *input*: channels and
sides are wrong, and what follows fails. A replica has no rows where the last batch of
an epoch has too few to give each some. `tests/contract/test_keras_defects.py` fails
when TensorFlow has mended this.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import keras
import tensorflow as tf

_CONVOLUTIONS = (
    keras.layers.Conv1D,
    keras.layers.Conv1DTranspose,
    keras.layers.Conv2D,
    keras.layers.Conv2DTranspose,
    keras.layers.Conv3D,
    keras.layers.Conv3DTranspose,
    keras.layers.DepthwiseConv1D,
    keras.layers.DepthwiseConv2D,
    keras.layers.SeparableConv1D,
    keras.layers.SeparableConv2D,
)


@contextlib.contextmanager
def rows_may_be_missing(model: keras.Model, devices: tuple[str, ...]) -> Iterator[None]:
    """Makes the convolutions of a model right for batches without rows."""
    layers = []
    if any("CPU" in device.upper() for device in devices):
        layers = [x for x in model._flatten_layers() if isinstance(x, _CONVOLUTIONS)]
    calls = [layer.call for layer in layers]
    for layer, call in zip(layers, calls, strict=True):
        object.__setattr__(layer, "call", _with_a_row(call))
    try:
        yield
    finally:
        for layer in layers:
            object.__delattr__(layer, "call")


def _with_a_row(call: Callable[[tf.Tensor], tf.Tensor]) -> Callable:
    """A row of zeros is put in where there is none, and taken out again."""

    def padded(inputs: tf.Tensor) -> tf.Tensor:
        if inputs.shape[0]:
            return call(inputs)
        rows = tf.shape(inputs)[0]
        extra = [[0, tf.cast(rows < 1, tf.int32)], *[[0, 0]] * (inputs.shape.rank - 1)]
        more = tf.ensure_shape(tf.pad(inputs, extra), [None, *inputs.shape[1:]])
        return call(more)[:rows]

    return padded
