# SPDX-License-Identifier: Apache-2.0
"""Digit scans at random places, sizes and angles."""

import numpy as np
import pytest

from cl_keras import data
from cl_keras.data.images.scattered_digits import BACKGROUND, COPIES

pytest.importorskip("sklearn", reason="needs the extra [eval]")


def centres(images):
    """The centre of each image's ink, and how much there is."""
    ink = images[..., 0].astype(float) - BACKGROUND
    mass = ink.sum((1, 2))
    at = np.arange(ink.shape[1])
    rows = (ink.sum(2) * at).sum(1) / mass
    return np.stack([rows, (ink.sum(1) * at).sum(1) / mass], 1), mass


def test_each_scan_is_in_one_part_at_random_places():
    train, test = data.load_splits("scattered_digits")
    assert train.images.shape == (COPIES * 1437, 32, 32, 1)
    assert test.images.shape == (360, 32, 32, 1)
    # The scans are held out first, and placed then: each label is there once.
    labels = np.concatenate([train.labels[::COPIES], test.labels])
    np.testing.assert_array_equal(np.sort(labels), np.sort(data.load("digits").labels))
    np.testing.assert_array_equal(train.labels[::COPIES], train.labels[1::COPIES])
    for part in (train, test):
        at, mass = centres(part.images)
        assert (part.images >= BACKGROUND).all() and (mass > 500).all()
        assert (at.min(0) < 8).all() and (at.max(0) > 24).all()
        assert at.std(0).min() > 4
    # Copies of a scan differ.
    assert not (train.images[0::COPIES] == train.images[1::COPIES]).all((1, 2, 3)).any()


def test_the_images_are_the_same_each_time():
    first, second = (data.open("scattered_digits").load("test") for _ in range(2))
    np.testing.assert_array_equal(first.images, second.images)
    small = data.load("scattered_digits", image_size=16)
    assert small.shape == (16, 16, 1)
    with pytest.raises(ValueError, match="just 'scattered_digits'"):
        data.load("scattered_digits:x")
