# SPDX-License-Identifier: Apache-2.0
import keras
import numpy as np
import pytest
import tensorflow as tf

from cl_keras import optimizers


def stepped(optimizer, values, gradients):
    """A variable after some steps."""
    variable = keras.Variable(np.asarray(values, "float32"), name="kernel")
    for gradient in gradients:
        optimizer.apply([tf.constant(gradient, tf.float32)], [variable])
    return variable.numpy()


def by_hand(kernel, gradients, rate, momentum=0.95, decay=0.0):
    """The published update, in float64 and with loops."""
    shape = kernel.shape
    w, v = kernel.reshape(-1, shape[-1]).astype("float64"), 0.0
    for gradient in gradients:
        g = gradient.reshape(w.shape).astype("float64")
        v = momentum * v + g
        x = g + momentum * v
        turned = x.shape[0] > x.shape[1]
        x = x.T if turned else x
        x = x / np.linalg.norm(x)
        for _ in range(5):
            a = x @ x.T
            x = 3.4445 * x + (-4.7750 * a + 2.0315 * a @ a) @ x
        x = x.T if turned else x
        w = w * (1 - rate * decay) - 0.2 * rate * np.sqrt(max(w.shape)) * x
    return w.reshape(shape)


@pytest.mark.parametrize("shape", [(4, 6), (6, 4), (3, 3, 2, 8), (1, 1, 8, 2)])
def test_kernels_and_matrices_follow_the_published_update(shape):
    rng = np.random.default_rng(0)
    kernel, gradients = rng.normal(size=shape), rng.normal(size=(3, *shape))
    found = stepped(optimizers.Muon(0.1, weight_decay=0.5), kernel, gradients)
    np.testing.assert_allclose(
        found, by_hand(kernel, gradients, 0.1, decay=0.5), rtol=1e-4, atol=1e-5
    )


def test_an_update_has_about_the_same_length_in_all_directions():
    rng = np.random.default_rng(0)
    gradient = rng.normal(size=(3, 3, 4, 16))
    moved = stepped(optimizers.Muon(1.0), np.zeros((3, 3, 4, 16)), [gradient])
    lengths = np.linalg.svd(moved.reshape(36, 16), compute_uv=False)
    assert 0.2 * 6 * 0.6 < lengths.min() and lengths.max() < 0.2 * 6 * 1.3


def test_biases_follow_adam_without_decay():
    gradients = np.random.default_rng(0).normal(size=(4, 5))
    expected = stepped(keras.optimizers.Adam(0.005), np.ones(5), gradients)
    found = stepped(optimizers.Muon(0.1, weight_decay=0.5), np.ones(5), gradients)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_layers_may_be_left_to_adam_and_a_copy_is_alike():
    gradients = np.random.default_rng(0).normal(size=(4, 5, 5))
    optimizer = optimizers.Muon(0.1, exclude_layers=["kernel"], adam_lr_ratio=1.0)
    saved = keras.saving.serialize_keras_object(optimizer)
    expected = stepped(keras.optimizers.Adam(0.1), np.ones((5, 5)), gradients)
    for one in (optimizer, keras.saving.deserialize_keras_object(saved)):
        found = stepped(one, np.ones((5, 5)), gradients)
        np.testing.assert_allclose(found, expected, rtol=1e-6)
