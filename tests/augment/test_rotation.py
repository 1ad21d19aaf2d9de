# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import tensorflow as tf
from scipy import ndimage

from cl_keras.augment import SimCLRImages, random_rotation


def smooth(count=6, height=20, width=24, channels=3):
    random = np.random.default_rng(0)
    noise = random.random((count, height, width, channels)).astype(np.float32)
    return ndimage.gaussian_filter(noise, (0, 2, 2, 0))


def test_equals_scipys_rotation_by_the_angles_drawn():
    images = smooth()
    turned = random_rotation(images, (0, 1), degrees=40.0).numpy()
    largest = np.deg2rad(40.0)
    angles = tf.random.stateless_uniform([6], (0, 1), -largest, largest).numpy()
    assert np.ptp(angles) > 0.5
    middle = (np.array(images.shape[1:3]) - 1) / 2
    for image, angle, result in zip(images, angles, turned, strict=True):
        cos, sin = np.cos(angle), np.sin(angle)
        matrix = np.array([[cos, sin], [-sin, cos]])  # Of (row, column).
        for channel in range(3):
            wanted = ndimage.affine_transform(
                image[..., channel], matrix, middle - matrix @ middle, order=1,
                mode="reflect",
            )  # fmt: skip
            # At the very edge the two interpolate with different neighbours.
            inner = (slice(6, -6), slice(6, -6))
            np.testing.assert_allclose(
                result[..., channel][inner], wanted[inner], atol=1e-4
            )


@pytest.mark.parametrize("channels", [1, 3])
def test_bytes_and_floats_same_seed_and_range(channels):
    images = np.round(255 * smooth(channels=channels)).astype(np.uint8)
    first = random_rotation(images, (3, 4), degrees=180.0)
    again = tf.function(random_rotation)(images / np.float32(255), (3, 4), 180.0)
    np.testing.assert_allclose(first, again, atol=1e-5)
    assert first.shape == images.shape and first.dtype == tf.float32
    assert np.min(first) >= 0.0 and np.max(first) <= 1.0
    assert np.abs(random_rotation(images, (3, 5), 180.0) - first).max() > 0.01


def test_views_turn_only_if_told_to_and_else_stay_as_they_were():
    images = smooth(height=24)
    plain = SimCLRImages(24, jitter=0.0, grayscale=0.0)
    turned = SimCLRImages(24, jitter=0.0, grayscale=0.0, rotation=30.0)
    (first, _), (other, _) = plain(images, (0, 1)), turned(images, (0, 1))
    assert np.abs(first - other).max() > 0.01
    small = SimCLRImages(24, jitter=0.0, grayscale=0.0, rotation=1e-4)
    np.testing.assert_allclose(small(images, (0, 1))[0], first, atol=1e-4)


def test_degrees_are_checked():
    with pytest.raises(ValueError, match=r"in \[0, 180\]. Received: 200"):
        random_rotation(smooth(), (0, 1), degrees=200.0)
    with pytest.raises(ValueError, match="Received: -1"):
        SimCLRImages(24, rotation=-1.0)
