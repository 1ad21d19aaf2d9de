# SPDX-License-Identifier: Apache-2.0
"""A small model of any method of views, made of its row, and batches for it."""

import inspect

import keras
import numpy as np
import tensorflow as tf

from cl_keras import encoders, methods

layers = keras.layers

NARROW = {"hidden": 16, "bottleneck": 8, "width": 8}
SHAPE = (6, 6, 3)
# What tests of a few rows take smaller or shorter, where a method has it.
SMALL = {
    "queue_size": 48,
    "directions": 16,
    "total_steps": 12,
    "momentum": 0.8,
    "temperature": 0.2,
    "seed": 0,
}


def small_encoder():
    inputs = keras.Input(SHAPE)
    x = layers.Conv2D(8, 3)(inputs)
    x = layers.BatchNormalization(synchronized=True)(x)
    x = layers.GlobalAveragePooling2D()(layers.Activation("tanh")(x))
    return keras.Model(inputs, x)


def small_model(name):
    row = methods.get(name)
    method, encoder = row.model, small_encoder()
    arguments = inspect.signature(method.__init__).parameters
    small = {key: value for key, value in SMALL.items() if key in arguments}
    if row.modalities[0] == "image" and "encoder" in row.defaults:
        encoder = encoders.build(
            row.defaults["encoder"], SHAPE, width=4, blocks=1, stages=1
        )
    width, heads = encoder.output_shape[-1], {}
    for part, build in method.head_builders.items():
        sizes = inspect.signature(build).parameters.keys() & NARROW
        heads[part] = build(width, **{size: NARROW[size] for size in sizes})
        width = 8
    if issubclass(method, methods.PairModel):
        both = {"one": encoder, "two": small_encoder()}
        other = method.head_builders["projector"](4 * 2, hidden=16, width=8)
        return method(both, {"one": heads["projector"], "two": other}, **small)
    return method(encoder, **heads, **small)


def is_of_views(name):
    return issubclass(methods.get(name).model, methods.ViewsModel)


def views(name, rows):
    """What a batch holds: two views, or three where a method takes any number."""
    row = methods.get(name)
    count = row.model.number_of_views or 3
    made = tuple(np.random.default_rng(0).random((count, rows, *SHAPE), np.float32))
    return (made, np.arange(rows) // 2 % 3) if "labels" in row.needs else made


def make(name):
    model = small_model(name)
    # A gentle rate: rounding can move a value across the kink of a ReLU, and large
    # steps turn that one flip into a visible difference.
    model.compile(keras.optimizers.SGD(0.002, momentum=0.9))
    return model


def batches(name, batch):
    # A global batch lies on the devices in order: the first half on the first of two.
    return tf.data.Dataset.from_tensor_slices(views(name, 2 * batch)).batch(batch)
