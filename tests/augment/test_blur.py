# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import tensorflow as tf

from cl_keras.augment import gaussian_blur, solarize
from cl_keras.augment.blur import blur


def test_an_impulse_becomes_the_kernel_of_each_examples_sigma():
    sigmas = [0.3, 0.8, 1.5, 2.0]
    images = np.zeros((4, 21, 21, 2), np.float32)
    images[:, 10, 10] = 1.0
    result = np.asarray(blur(tf.constant(images), tf.constant(sigmas), 3))
    offsets = np.arange(-10, 11)
    for got, sigma in zip(result, sigmas, strict=True):
        kernel = np.exp(-(offsets**2) / (2 * sigma**2)) * (abs(offsets) <= 3)
        kernel /= kernel.sum()
        for channel in range(2):
            np.testing.assert_allclose(
                got[..., channel], np.outer(kernel, kernel), atol=1e-6
            )


def test_not_square_and_constant_images_keep_their_values_to_the_border():
    images = np.full((2, 9, 14, 3), 0.7, np.float32)
    result = blur(tf.constant(images), tf.constant([0.5, 2.0]), 4)
    np.testing.assert_allclose(result, images, atol=1e-6)


def test_axes_are_not_mixed_up():
    images = np.random.default_rng(0).random((2, 6, 11, 3)).astype("float32")
    result = blur(tf.constant(images), tf.constant([1.0, 1.7]), 2)
    transposed = blur(
        tf.constant(images.transpose(0, 2, 1, 3)), tf.constant([1.0, 1.7]), 2
    )
    np.testing.assert_allclose(
        result, np.asarray(transposed).transpose(0, 2, 1, 3), atol=1e-6
    )


def test_blur_follows_p_and_sigma_is_uniform_and_isotropic():
    # The ratio of the neighbour to the centre gives sigma back.
    images = np.zeros((4000, 32, 32, 1), np.float32)
    images[:, 16, 16] = 1.0
    result = np.asarray(gaussian_blur(images, (0, 1), 0.5, (0.5, 2.0)))
    blurred = result[:, 16, 16, 0] < 1.0
    np.testing.assert_allclose(blurred.mean(), 0.5, atol=0.03)
    np.testing.assert_array_equal(result[~blurred], images[~blurred])
    centre, below, beside = result[blurred][:, [16, 17, 16], [16, 16, 17], 0].T
    np.testing.assert_allclose(below, beside, rtol=1e-5)
    sigma = np.sqrt(-0.5 / np.log(below / centre))
    assert 0.5 <= sigma.min() < 0.51
    assert 1.99 < sigma.max() <= 2.0 + 1e-3
    np.testing.assert_allclose(sigma.mean(), 1.25, atol=0.03)


@pytest.mark.parametrize(("side", "radius"), [(8, 1), (32, 1), (40, 2), (224, 11)])
def test_kernel_covers_a_tenth_of_the_side(side, radius):
    images = np.zeros((1, side, side, 1), np.float32)
    images[:, side // 2, side // 2] = 1.0
    result = np.asarray(gaussian_blur(images, (0, 1), 1.0, (5.0, 5.0)))
    assert (result > 0).any(axis=1).sum() == 2 * radius + 1


def test_same_seed_same_blur_in_a_graph_too():
    images = np.random.default_rng(0).random((8, 16, 16, 3)).astype("float32")
    first = gaussian_blur(images, (3, 4))
    graph = tf.function(lambda: gaussian_blur(images, (3, 4)))()
    np.testing.assert_allclose(first, graph, atol=1e-6)
    assert np.abs(first - gaussian_blur(images, (3, 5))).max() > 0.01


def test_nothing_is_selected_for_p_0():
    images = np.random.default_rng(0).random((8, 16, 16, 3)).astype("float32")
    np.testing.assert_array_equal(gaussian_blur(images, (3, 4), p=0.0), images)


def test_solarize_inverts_from_the_threshold_on():
    images = np.array([0.0, 0.25, 0.5, 0.75, 1.0], np.float32)
    images = np.tile(images, (4000, 1))[:, None, :, None]
    views = np.asarray(solarize(images, (0, 1), 0.2))
    changed = views[:, 0, 4, 0] == 0.0
    np.testing.assert_allclose(changed.mean(), 0.2, atol=0.025)
    np.testing.assert_array_equal(
        np.unique(views[changed].reshape(-1, 5), axis=0), [[0.0, 0.25, 0.5, 0.25, 0.0]]
    )
    np.testing.assert_array_equal(views[~changed], images[~changed])
    lower = np.asarray(solarize(images, (0, 1), 1.0, threshold=0.25))
    np.testing.assert_array_equal(lower[0].ravel(), [0.0, 0.75, 0.5, 0.25, 0.0])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"p": -0.1}, "p=-0.1"),
        ({"sigma": (0.0, 2.0)}, "sigma"),
        ({"sigma": (2.0, 1.0)}, "sigma"),
        ({"kernel_fraction": 0.0}, "kernel_fraction=0.0"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        gaussian_blur(np.zeros((1, 8, 8, 1), np.uint8), (0, 1), **arguments)
    with pytest.raises(ValueError, match="threshold=2"):
        solarize(np.zeros((1, 8, 8, 1), np.uint8), (0, 1), threshold=2)


def test_an_unknown_size_is_refused_when_the_graph_is_built():
    function = tf.function(lambda x: gaussian_blur(x, (0, 1)))
    with pytest.raises(ValueError, match="height and width are known"):
        function.get_concrete_function(tf.TensorSpec((None, None, 8, 1)))
