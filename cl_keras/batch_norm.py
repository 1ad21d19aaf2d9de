# SPDX-License-Identifier: Apache-2.0
"""Batch normalisation as the field sets it, and computed fast."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator

import keras
import tensorflow as tf
from keras import ops

from cl_keras import distribute

_FUSED_TYPES = (tf.float32, tf.bfloat16, tf.float16)


def batch_norm(
    *, center: bool = True, gamma_initializer: str = "ones", name: str | None = None
) -> keras.layers.BatchNormalization:
    """Makes a layer with the papers' constants, synchronised over replicas.

    Momentum 0.9 and epsilon 1e-5 are what SimCLR, BYOL and their successors use;
    Keras's defaults (0.99, 1e-3) lag behind in short trainings. Synchronised, so
    that replicas together compute what one device would.
    """
    return keras.layers.BatchNormalization(
        momentum=0.9,
        epsilon=1e-5,
        center=center,
        gamma_initializer=gamma_initializer,
        synchronized=True,
        name=name,
    )


@contextlib.contextmanager
def fused(model: keras.Model) -> Iterator[None]:
    """Has one kernel of TensorFlow's normalise maps, while a training step is traced.

    Keras normalises in a dozen operations that each go over the whole map. The numbers
    are the same but for rounding; nothing about the model is changed or saved.
    """
    norms = []
    if distribute.num_replicas() == 1:  # The kernel knows nothing of other replicas.
        layers = model._flatten_layers()
        norms = [x for x in layers if type(x) is keras.layers.BatchNormalization]
    for norm in norms:
        norm.call = functools.partial(_fused_call, norm, norm.call)
    try:
        yield
    finally:
        for norm in norms:
            del norm.call


def _fused_call(
    norm: keras.layers.BatchNormalization,
    usual_call: Callable[..., tf.Tensor],
    inputs: tf.Tensor,
    training: bool | None = None,
    mask: tf.Tensor | None = None,
) -> tf.Tensor:
    """What the layer computes of maps in training; else its own call."""
    is_map = len(inputs.shape) == 4 and norm.axis in (-1, 3)
    if not (
        (training and norm.trainable and is_map and mask is None)
        and (inputs.dtype in _FUSED_TYPES and not norm.renorm)
    ):
        return usual_call(inputs, training=training, mask=mask)
    channels = inputs.shape[-1]
    outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
        x=inputs,
        scale=ops.cast(norm.gamma, "float32") if norm.scale else tf.ones(channels),
        offset=ops.cast(norm.beta, "float32") if norm.center else tf.zeros(channels),
        mean=tf.zeros(0),
        variance=tf.zeros(0),
        epsilon=norm.epsilon,
        is_training=True,
    )
    # It divides by one less than there are values.
    count = tf.cast(tf.size(inputs) // channels, tf.float32)
    variance *= tf.maximum(count - 1.0, 1.0) / count
    for average, new in ((norm.moving_mean, mean), (norm.moving_variance, variance)):
        old = ops.cast(average, "float32")
        average.assign(old * norm.momentum + new * (1.0 - norm.momentum))
    return outputs
