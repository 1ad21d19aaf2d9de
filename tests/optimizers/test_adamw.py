# SPDX-License-Identifier: Apache-2.0
import keras
import numpy as np
import pytest
import tensorflow as tf

from cl_keras import optimizers


def step(optimizer, variables):
    """What is left of ones after a step without gradient: decay alone."""
    optimizer.apply([tf.zeros_like(v) for v in variables], variables)
    return [v.numpy()[0] for v in variables]


def ones():
    return [keras.Variable(np.ones(2, "float32"), name=n) for n in ("kernel", "bias")]


def copied(optimizer):
    saved = keras.saving.serialize_keras_object(optimizer)
    return keras.saving.deserialize_keras_object(saved)


@pytest.mark.parametrize("make", [lambda o: o, copied], ids=["made", "loaded"])
def test_biases_are_not_decayed(make):
    optimizer = make(optimizers.AdamW(0.1, weight_decay=0.5))
    np.testing.assert_allclose(step(optimizer, ones()), [0.95, 1.0], rtol=1e-6)


def test_exclusions_are_a_choice():
    optimizer = copied(optimizers.AdamW(0.1, weight_decay=0.5, exclude=["kernel"]))
    np.testing.assert_allclose(step(optimizer, ones()), [1.0, 0.95], rtol=1e-6)


def test_it_trains_as_keras_does():
    rng = np.random.default_rng(0)
    gradients = rng.normal(size=(5, 2)).astype("float32")
    results = []
    for optimizer in (
        optimizers.AdamW(0.1, weight_decay=0.5, exclude=()),
        keras.optimizers.AdamW(0.1, weight_decay=0.5),
    ):
        variable = ones()[0]
        for gradient in gradients:
            optimizer.apply([tf.constant(gradient)], [variable])
        results.append(variable.numpy())
    np.testing.assert_array_equal(*results)


@pytest.mark.parametrize("kind", [optimizers.AdamW, optimizers.LARS])
@pytest.mark.parametrize(
    ("layer", "decayed"),
    [
        (keras.layers.PReLU(), []),
        (keras.layers.BatchNormalization(), []),
        (keras.layers.LayerNormalization(), []),
        (keras.layers.GroupNormalization(1), []),
        (keras.layers.RMSNormalization(), []),
        (keras.layers.Dense(2), ["kernel"]),
    ],
    ids=lambda x: type(x).__name__ if isinstance(x, keras.layers.Layer) else "",
)
def test_slopes_and_norms_of_keras_are_not_decayed(kind, layer, decayed):
    if not layer.built:
        layer.build((None, 3))
    variables = layer.trainable_variables
    for variable in variables:
        variable.assign(tf.ones_like(variable))
    optimizer = kind(0.1, weight_decay=0.5)
    optimizer.apply([tf.zeros_like(v) for v in variables], variables)
    changed = [v.name for v in variables if (v.numpy() != 1.0).any()]
    assert changed == decayed
