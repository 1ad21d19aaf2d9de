# SPDX-License-Identifier: Apache-2.0
import keras
import numpy as np
import pytest
import tensorflow as tf

from cl_keras import encoders, heads


def test_products_of_two_networks_start_with_a_deviation_of_one():
    rng = np.random.default_rng(0)
    one, other = (
        heads.infomax_network(16, width=64)(rng.normal(size=(500, 16)), training=True)
        for _ in range(2)
    )
    products = np.matmul(one, np.transpose(other))
    assert products.std() == pytest.approx(1.0, rel=0.2)


def test_shortcut_starts_near_the_identity():
    head = heads.infomax_network(16, width=64)
    kernel = head.get_layer("shortcut").kernel.numpy()
    np.testing.assert_array_equal(np.diag(kernel), 1.0)
    rest = kernel - np.eye(16, 64)
    assert 0 < np.abs(rest).max() <= 0.01


def test_networks_are_float32_at_the_end():
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    assert heads.infomax_network(4, width=8)(np.ones((2, 4))).dtype == tf.float32
    matching = heads.PriorMatching((8,))
    assert matching(np.ones((2, 4)), np.ones((2, 4)))[1].dtype == tf.float32


def prior_matching(units=(8, 4), **options):
    matching = heads.PriorMatching(units, **options)
    rng = np.random.default_rng(0)
    codes, samples = rng.random((2, 5, 3)).astype(np.float32)
    matching(codes, samples)
    return matching, tf.constant(codes), tf.constant(samples)


def test_each_loss_teaches_one_side():
    matching, codes, samples = prior_matching()
    weights = matching.trainable_variables
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(codes)
        taken, told_apart = matching(codes, samples)
    assert np.abs(tape.gradient(taken, codes)).max() > 0
    assert all(g is None for g in tape.gradient(taken, weights))
    assert tape.gradient(told_apart, codes) is None
    kernels = [w for w in weights if w.name == "kernel"]
    assert all(np.abs(g).max() > 0 for g in tape.gradient(told_apart, kernels))


def test_both_losses_read_the_same_weights():
    # A second read may see the discriminator after its update, or may not.
    matching, codes, samples = prior_matching()
    graph = tf.function(matching.call).get_concrete_function(codes, samples).graph
    reads = [op for op in graph.get_operations() if op.type == "ReadVariableOp"]
    assert len(reads) == len(matching.trainable_variables)


def test_losses_of_a_linear_discriminator():
    matching, codes, samples = prior_matching(units=(), penalty=0.7)
    kernel, bias = (w.numpy() for w in matching.discriminator.weights)
    real, fake = (np.ravel(x @ kernel + bias) for x in (samples, codes))
    taken, told_apart = matching(codes, samples)
    np.testing.assert_allclose(taken, np.logaddexp(0, -fake), rtol=1e-5)
    # The gradient of a linear function is its kernel, everywhere.
    penalty = 0.7 * np.square(kernel).sum()
    expected = np.logaddexp(0, -real) + np.logaddexp(0, fake) + penalty
    np.testing.assert_allclose(told_apart, expected, rtol=1e-5)


def test_penalty_is_trained():
    matching, codes, samples = prior_matching()
    kernel = matching.discriminator.layers[0].kernel
    gradients = []
    for penalty in (0.0, 1.0):
        matching.penalty = penalty
        with tf.GradientTape() as tape:
            _, told_apart = matching(codes, samples)
        gradients.append(tape.gradient(told_apart, kernel).numpy())
    assert np.abs(gradients[0] - gradients[1]).max() > 1e-4


def test_a_silent_discriminator():
    matching, codes, samples = prior_matching()
    matching.discriminator.layers[-1].kernel.assign(tf.zeros((4, 1)))
    taken, told_apart = matching(codes, samples)
    np.testing.assert_allclose(taken, np.log(2), rtol=1e-6)
    np.testing.assert_allclose(told_apart, 2 * np.log(2), rtol=1e-6)


def test_copy_after_a_layer():
    encoder = encoders.dim_conv((16, 16, 1), widths=(4, 8), hidden=16, code=8)
    copy = heads.copy_after(encoder, "conv2")
    inner = keras.Model(encoder.inputs, encoder.get_layer("conv2").output)
    images = np.random.default_rng(0).random((3, 16, 16, 1), np.float32)
    maps = inner(images)
    assert np.abs(copy(maps) - encoder(images)).max() > 1e-3
    for ours, theirs in zip(
        copy.weights, encoder.weights[-len(copy.weights) :], strict=True
    ):
        assert ours is not theirs
        ours.assign(theirs)
    np.testing.assert_allclose(copy(maps), encoder(images), atol=1e-5)


def test_copy_after_a_layer_that_a_shortcut_avoids():
    encoder = encoders.compact_resnet((16, 16, 1), width=4, blocks=1)
    inner = [x.name for x in encoder.layers if isinstance(x, keras.layers.ReLU)][1]
    with pytest.raises(ValueError, match="all paths"):
        heads.copy_after(encoder, inner)


def test_wrong_sizes_are_named():
    with pytest.raises(ValueError, match="width=0"):
        heads.infomax_network(4, width=0)
    with pytest.raises(ValueError, match="penalty=-1"):
        heads.PriorMatching(penalty=-1)
