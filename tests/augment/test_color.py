# SPDX-License-Identifier: Apache-2.0
import itertools

import numpy as np
import pytest
import tensorflow as tf

from cl_keras.augment import color_jitter, grayscale
from cl_keras.augment.color import apply_in_order, random_orders
from cl_keras.augment.planes import (
    adjust_brightness,
    adjust_contrast,
    adjust_hue,
    adjust_saturation,
    from_planes,
    to_planes,
)


def noise(*shape):
    return np.random.default_rng(0).random(shape).astype("float32")


def apply(change, images, values):
    images = tf.constant(images)
    return np.asarray(
        from_planes(change(to_planes(images), tf.constant(values)), images)
    )


def test_planes_are_the_channels():
    images = noise(2, 3, 4, 3)
    planes = to_planes(tf.constant(images))
    for channel in range(3):
        np.testing.assert_array_equal(
            planes[channel], images[..., channel].reshape(2, 12)
        )
    np.testing.assert_array_equal(from_planes(planes, tf.constant(images)), images)


def test_brightness_multiplies_each_image_and_clips():
    images = noise(3, 5, 5, 3)
    result = apply(adjust_brightness, images, [0.0, 0.5, 1.8])
    expected = np.clip(images * np.reshape([0.0, 0.5, 1.8], (3, 1, 1, 1)), 0, 1)
    np.testing.assert_allclose(result, expected, atol=1e-6)


@pytest.mark.parametrize(
    ("change", "reference", "values"),
    [
        (adjust_contrast, tf.image.adjust_contrast, [0.0, 0.4, 1.0, 1.8]),
        (adjust_saturation, tf.image.adjust_saturation, [0.0, 0.4, 1.0, 1.8]),
        (adjust_hue, tf.image.adjust_hue, [-0.5, -0.2, 0.0, 0.45]),
    ],
)
def test_each_image_follows_tf_image_with_its_own_value(change, reference, values):
    images = noise(4, 6, 7, 3)
    images[:, 0, 0] = 0.0  # Black, white, grey and pure colours.
    images[:, 0, 1] = 1.0
    images[:, 0, 2] = 0.3
    images[:, 0, 3] = (1.0, 0.0, 0.0)
    images[:, 0, 4] = (0.2, 0.2, 0.9)
    images[:, 0, 5] = (0.7, 0.1, 0.7)
    result = apply(change, images, values)
    for got, image, value in zip(result, images, values, strict=True):
        expected = np.clip(reference(image, value), 0.0, 1.0)
        np.testing.assert_allclose(got, expected, atol=2e-6)


def test_order_is_each_examples_own():
    # Brightness, contrast, saturation and hue do not commute where values clip.
    changes = [adjust_brightness, adjust_contrast, adjust_saturation, adjust_hue]
    orders = np.array(list(itertools.permutations(range(4))))
    images = np.repeat(noise(1, 4, 4, 3), len(orders), axis=0)
    values = [
        np.random.default_rng(i).uniform(1.2, 1.8, len(orders)).astype("float32")
        for i in range(4)
    ]
    selected = np.arange(len(orders)) % 5 != 0
    planes = apply_in_order(
        to_planes(tf.constant(images)),
        [(change, tf.constant(v)) for change, v in zip(changes, values, strict=True)],
        tf.constant(orders, tf.int32),
        tf.constant(selected),
    )
    result = np.asarray(from_planes(planes, tf.constant(images)))
    for row, order in enumerate(orders):
        expected = images[row : row + 1]
        for index in order if selected[row] else ():
            expected = apply(changes[index], expected, values[index][row : row + 1])
        np.testing.assert_allclose(result[row], expected[0], atol=1e-6)
    assert len(np.unique(result.round(4).reshape(len(orders), -1), axis=0)) > 12


def test_jitter_follows_p_and_each_example_differs():
    images = np.repeat(noise(1, 4, 4, 3), 2000, axis=0)
    views = np.asarray(color_jitter(images, (0, 1), p=0.8))
    changed = np.abs(views - images).max(axis=(1, 2, 3)) > 0
    np.testing.assert_allclose(changed.mean(), 0.8, atol=0.03)
    distinct = np.unique(views[changed].reshape(changed.sum(), -1), axis=0)
    assert len(distinct) == changed.sum()
    assert views.min() >= 0.0
    assert views.max() <= 1.0


def test_brightness_factors_are_uniform_around_one():
    images = np.full((20_000, 1, 1, 3), 0.25, np.float32)
    views = color_jitter(images, (0, 1), 0.8, 0.0, 0.0, 0.0, p=1.0)
    factors = np.asarray(views)[:, 0, 0, 0] / 0.25
    assert 0.2 <= factors.min() < 0.21
    assert 1.79 < factors.max() <= 1.8 + 1e-5
    np.testing.assert_allclose(factors.mean(), 1.0, atol=0.01)
    np.testing.assert_allclose(factors.std(), 1.6 / 12**0.5, atol=0.01)


def test_a_strength_above_one_never_makes_a_factor_negative():
    images = np.full((1000, 1, 1, 1), 0.5, np.float32)
    views = np.asarray(color_jitter(images, (0, 1), brightness=3.0, contrast=0.0))
    assert views.min() >= 0.0


def test_hue_alone_turns_both_ways_within_its_range():
    images = np.zeros((4000, 1, 1, 3), np.float32)
    images[..., 0] = 1.0  # Red: a turn t of at most 1/6 shows as 6 |t| in one channel.
    views = np.asarray(color_jitter(images, (0, 1), 0.0, 0.0, 0.0, 0.1, p=1.0))
    green, blue = views[:, 0, 0, 1], views[:, 0, 0, 2]
    turns = (green - blue) / 6
    np.testing.assert_allclose([turns.min(), turns.max()], [-0.1, 0.1], atol=1e-3)
    np.testing.assert_allclose(turns.mean(), 0.0, atol=0.003)


def test_every_order_is_equally_likely():
    orders = np.asarray(random_orders(24_000, 4, (0, 1)))
    found, counts = np.unique(orders, axis=0, return_counts=True)
    assert found.tolist() == [list(x) for x in itertools.permutations(range(4))]
    assert counts.min() > 850
    assert counts.max() < 1150


def test_same_seed_same_jitter():
    images = noise(8, 4, 4, 3)
    first = color_jitter(images, (5, 6))
    np.testing.assert_array_equal(first, color_jitter(images, (5, 6)))
    assert np.abs(first - color_jitter(images, (5, 7))).max() > 0.01


def test_grey_images_change_in_brightness_and_contrast_only():
    images = noise(50, 4, 4, 1)
    views = np.asarray(color_jitter(images, (0, 1), 0.0, 0.0, 0.8, 0.2, p=1.0))
    np.testing.assert_allclose(views, images, atol=1e-6)
    views = color_jitter(images, (0, 1), p=1.0)
    assert views.shape == images.shape
    assert np.abs(views - images).max() > 0.1
    np.testing.assert_array_equal(grayscale(images, (0, 1), 1.0), images)


def test_grayscale_has_the_luma_weights_and_follows_p():
    images = noise(3000, 2, 2, 3)
    views = np.asarray(grayscale(images, (0, 1), 0.2))
    grey = np.abs(views - images).max(axis=(1, 2, 3)) > 0
    np.testing.assert_allclose(grey.mean(), 0.2, atol=0.025)
    luma = images @ np.array([0.2989, 0.587, 0.114], np.float32)
    np.testing.assert_allclose(
        views[grey], np.repeat(luma[grey][..., None], 3, axis=-1), atol=1e-5
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"brightness": -0.1}, "brightness=-0.1"),
        ({"contrast": -1}, "contrast=-1"),
        ({"saturation": float("nan")}, "saturation=nan"),
        ({"hue": 0.6}, "hue=0.6"),
        ({"p": 1.2}, "p=1.2"),
        ({"images": np.zeros((2, 4, 4, 2), np.uint8)}, "1 \\(grey\\) or 3"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    arguments = {"images": noise(2, 4, 4, 3), "seed": (0, 1), **arguments}
    with pytest.raises(ValueError, match=message):
        color_jitter(**arguments)
