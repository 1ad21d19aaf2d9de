# SPDX-License-Identifier: Apache-2.0
import keras
import numpy as np
import pytest
from PIL import Image

from cl_keras import encoders

PIXELS = np.random.default_rng(0).random((3, 8, 8, 3), np.float32)


def slow(encoder, images, grid, side):
    """The definition, crop by crop, resized by Pillow."""
    kept, found = round(8 * side), []
    boxes = [(0, 0, 8)]
    for row in range(grid):
        for column in range(grid):
            top, left = (round((8 - kept) * x / (grid - 1)) for x in (row, column))
            boxes.append((top, left, kept))
    for top, left, size in boxes:
        crop = images[:, top : top + size, left : left + size]
        resized = np.stack(
            [
                np.stack(
                    [
                        Image.fromarray(plane).resize((8, 8), Image.BILINEAR)
                        for plane in np.moveaxis(image, -1, 0)
                    ],
                    axis=-1,
                )
                for image in crop
            ]
        )
        for view in (resized, resized[:, :, ::-1]):
            found.append(encoder.predict(view, verbose=0))
    return np.mean(found, axis=0)


@pytest.mark.parametrize("grid", [0, 2, 3])
def test_it_is_the_mean_over_crops_and_mirror_images(grid):
    encoder = encoders.compact_resnet((8, 8, 3), width=4, stages=2)
    model = encoders.mean_of_crops(encoder, grid, side=0.75)
    found = model.predict(PIXELS, verbose=0)
    expected = slow(encoder, PIXELS, grid, 0.75)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_one_crop_is_in_the_middle():
    encoder = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten()])
    middle = np.zeros((1, 8, 8, 1), np.float32)
    middle[:, 2:6, 2:6] = 1.0
    found = encoders.mean_of_crops(encoder, 1, side=0.5).predict(middle, verbose=0)
    assert found.min() == 0.5 and found.max() == 1.0


def test_what_has_no_size_is_refused():
    encoder = keras.Sequential([keras.Input((None, 3)), keras.layers.Dense(2)])
    with pytest.raises(ValueError, match="images of one size.*Received: "):
        encoders.mean_of_crops(encoder)
    with pytest.raises(ValueError, match="side"):
        encoders.mean_of_crops(encoders.compact_resnet(), side=0.0)
