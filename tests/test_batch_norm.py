# SPDX-License-Identifier: Apache-2.0
"""The fused kernel gives what Keras's own batch normalisation gives."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from cl_keras import batch_norm

KINDS = {
    "field": batch_norm.batch_norm,
    "keras": keras.layers.BatchNormalization,
    "bare": lambda: keras.layers.BatchNormalization(center=False, scale=False),
}


def model_of(make, shape, policy="float32"):
    keras.utils.set_random_seed(0)
    with_policy = keras.dtype_policies.DTypePolicy(policy)
    norm = make()
    norm.dtype_policy = with_policy
    model = keras.Sequential([keras.Input(shape), norm])
    for weight in norm.trainable_variables:
        weight.assign(np.linspace(0.5, 2.0, weight.shape[0]))
    return model


def trained(model, inputs, fused):
    """Outputs, gradients and averages of a step in training mode."""
    x = tf.constant(inputs)
    with tf.GradientTape() as tape:
        tape.watch(x)
        if fused:
            with batch_norm.fused(model):
                y = model(x, training=True)
        else:
            y = model(x, training=True)
        loss = tf.reduce_sum(tf.cast(y, tf.float32) ** 3)
    gradients = tape.gradient(loss, [x, *model.trainable_variables])
    return [np.asarray(v, np.float32) for v in (y, *gradients, *model.variables)]


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
@pytest.mark.parametrize("kind", KINDS)
def test_it_gives_what_keras_gives(kind, policy):
    inputs = np.random.default_rng(0).normal(3, 2, (5, 4, 3, 6)).astype(np.float32)
    found, expected = (
        trained(model_of(KINDS[kind], (4, 3, 6), policy), inputs, fused)
        for fused in (True, False)
    )
    near = {"rtol": 1e-4, "atol": 1e-4}
    if policy != "float32":  # The maps are rounded to 3 digits.
        near = {"rtol": 0.05, "atol": 0.1}
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, **near)
    averages = slice(-2, None)
    for one, other in zip(found[averages], expected[averages], strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3)


def kernels(model, shape, training=True):
    @tf.function
    def step(x):
        with batch_norm.fused(model):
            return model(x, training=training)

    graph = step.get_concrete_function(tf.TensorSpec(shape)).graph
    return [x.type for x in graph.get_operations() if "BatchNorm" in x.type]


def test_it_is_taken_for_maps_in_training_only():
    model = model_of(batch_norm.batch_norm, (4, 4, 2))
    assert kernels(model, (3, 4, 4, 2)) == ["FusedBatchNormV3"]
    assert kernels(model, (3, 4, 4, 2), training=False) == []
    assert kernels(model_of(batch_norm.batch_norm, (2,)), (3, 2)) == []
    model.layers[0].trainable = False
    assert kernels(model, (3, 4, 4, 2)) == []


def test_it_leaves_the_layers_as_they_were():
    model = model_of(batch_norm.batch_norm, (4, 4, 2))
    before = model.get_config()
    with pytest.raises(KeyError), batch_norm.fused(model):
        assert "call" in vars(model.layers[0])
        raise KeyError
    assert "call" not in vars(model.layers[0]) and model.get_config() == before
