# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import tensorflow as tf

from cl_keras.augment import random_flip, random_resized_crop
from cl_keras.augment.crop import crop, random_boxes


def noise(*shape):
    return np.random.default_rng(0).random(shape).astype("float32")


def slow_crop(image, box, size):
    """Bilinear sampling between pixel centres, one output pixel at a time."""
    height, width, _ = image.shape
    result = np.zeros((size, size, image.shape[-1]))
    for i, y in enumerate(np.linspace(box[0], box[2], size) * (height - 1)):
        for j, x in enumerate(np.linspace(box[1], box[3], size) * (width - 1)):
            top, left = int(min(y, height - 2)), int(min(x, width - 2))
            dy, dx = y - top, x - left
            result[i, j] = (
                image[top, left] * (1 - dy) * (1 - dx)
                + image[top, left + 1] * (1 - dy) * dx
                + image[top + 1, left] * dy * (1 - dx)
                + image[top + 1, left + 1] * dy * dx
            )
    return result


def test_crop_equals_the_slow_form():
    images = noise(3, 12, 9, 3)
    boxes = [[0.1, 0.2, 0.7, 0.9], [0.0, 1.0, 1.0, 0.0], [0.5, 0.5, 1.0, 0.8]]
    views = crop(images, tf.constant(boxes), 7)
    slow = [slow_crop(x, box, 7) for x, box in zip(images, boxes, strict=True)]
    np.testing.assert_allclose(views, slow, atol=1e-5)


def test_whole_image_is_the_identity_and_mirrored_by_flip():
    images = noise(4, 8, 8, 3)
    whole = {"scale": (1.0, 1.0), "ratio": (1.0, 1.0)}
    views = random_resized_crop(images, 8, (0, 1), **whole)
    np.testing.assert_allclose(views, images, atol=1e-6)
    views = random_resized_crop(images, 8, (0, 1), flip=1.0, **whole)
    np.testing.assert_allclose(views, images[:, :, ::-1], atol=1e-6)


def test_bytes_and_floats_give_the_same_views():
    images = np.random.default_rng(0).integers(0, 256, (4, 10, 10, 3), np.uint8)
    views = random_resized_crop(images, 6, (0, 1))
    floats = random_resized_crop((images / 255.0).astype("float32"), 6, (0, 1))
    np.testing.assert_allclose(views, floats, atol=1e-6)
    assert views.dtype == tf.float32


@pytest.mark.parametrize("image_ratio", [1.0, 0.5, 2.0])
def test_boxes_are_in_range_and_uniform(image_ratio):
    boxes = np.asarray(
        random_boxes(20_000, (0, 1), scale=(0.1, 0.4), image_ratio=image_ratio)
    )
    assert boxes.min() >= 0.0
    assert boxes.max() <= 1.0 + 1e-6
    height, width = (boxes[:, 2:] - boxes[:, :2]).T
    area, ratio = height * width, width / height * image_ratio
    assert area.min() >= 0.1 - 1e-6
    assert area.max() <= 0.4 + 1e-6
    np.testing.assert_allclose(area.mean(), 0.25, atol=0.003)
    np.testing.assert_allclose(np.quantile(area, 0.25), 0.175, atol=0.005)
    assert ratio.min() >= 3 / 4 - 1e-5
    assert ratio.max() <= 4 / 3 + 1e-5
    np.testing.assert_allclose(np.log(ratio).mean(), 0.0, atol=0.005)
    np.testing.assert_allclose(np.log(ratio).std(), np.log(16 / 9) / 12**0.5, rtol=0.02)
    place = boxes[:, 0] / (1.0 - height)
    np.testing.assert_allclose([place.mean(), place.std()], [0.5, 12**-0.5], atol=0.01)


def test_a_ratio_that_never_fits_takes_the_largest_central_box():
    # The whole area of a wide image at a square ratio: no draw fits.
    boxes = random_boxes(3, (0, 1), scale=(1.0, 1.0), ratio=(1.0, 1.0), image_ratio=2.0)
    np.testing.assert_allclose(boxes, [[0.0, 0.25, 1.0, 0.75]] * 3, atol=1e-6)
    boxes = random_boxes(1, (0, 1), scale=(1.0, 1.0), ratio=(1.0, 1.0), image_ratio=0.5)
    np.testing.assert_allclose(boxes, [[0.25, 0.0, 0.75, 1.0]], atol=1e-6)


def test_default_scale_reaches_both_ends():
    boxes = np.asarray(random_boxes(20_000, (3, 4)))
    area = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    assert 0.08 - 1e-6 <= area.min() < 0.082
    assert 0.98 < area.max() <= 1.0 + 1e-6


def test_examples_are_independent_and_the_seed_decides():
    images = np.repeat(noise(1, 16, 16, 3), 64, axis=0)
    views = np.asarray(random_resized_crop(images, 8, (0, 1), flip=0.5))
    assert len(np.unique(views.reshape(64, -1), axis=0)) == 64
    again = random_resized_crop(images, 8, (0, 1), flip=0.5)
    np.testing.assert_array_equal(views, again)
    other = random_resized_crop(images, 8, (0, 2), flip=0.5)
    assert np.abs(views - other).max() > 0.1


def test_flip_follows_p_example_by_example():
    images = np.tile(np.linspace(0, 1, 4, dtype="float32"), (4000, 1))
    images = images[:, np.newaxis, :, np.newaxis]
    views = np.asarray(random_flip(images, (0, 1), 0.3))
    flipped = views[:, 0, 0, 0] == 1.0
    np.testing.assert_allclose(flipped.mean(), 0.3, atol=0.025)
    np.testing.assert_array_equal(views[flipped], images[flipped][:, :, ::-1])
    np.testing.assert_array_equal(views[~flipped], images[~flipped])
    crops = random_resized_crop(
        images.repeat(4, axis=1), 4, (0, 1), (1.0, 1.0), (1.0, 1.0), flip=0.3
    )
    np.testing.assert_allclose(
        (np.asarray(crops)[:, 0, 0, 0] > 0.5).mean(), 0.3, atol=0.025
    )


@pytest.mark.slow
@pytest.mark.parametrize("channels", [1, 3, 5])
def test_any_number_of_channels_in_a_graph_with_an_open_batch(channels):
    function = tf.function(
        lambda x: random_resized_crop(x, 6, (0, 1)),
        input_signature=[tf.TensorSpec((None, 9, 9, channels), tf.uint8)],
    )
    views = function(np.zeros((3, 9, 9, channels), np.uint8))
    assert views.shape == (3, 6, 6, channels)
    concrete = function.get_concrete_function()
    assert concrete.output_shapes.as_list() == [None, 6, 6, channels]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"scale": (0.0, 1.0)}, "scale=\\(0.0, 1.0\\)"),
        ({"scale": (0.5, 0.2)}, "scale"),
        ({"scale": (0.5, 1.5)}, "scale"),
        ({"ratio": (0.0, 1.0)}, "ratio"),
        ({"flip": 1.5}, "p=1.5"),
        ({"size": 0}, "size=0"),
        ({"size": 8.0}, "size=8.0"),
        ({"seed": 3}, "two integers"),
        ({"seed": (0.5, 1.0)}, "two integers"),
        ({"images": np.zeros((8, 8, 3), np.uint8)}, "\\(8, 8, 3\\)"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    arguments = {
        "images": np.zeros((2, 8, 8, 3), np.uint8),
        "size": 8,
        "seed": (0, 1),
        **arguments,
    }
    with pytest.raises(ValueError, match=message):
        random_resized_crop(**arguments)


def test_integers_other_than_bytes_are_refused():
    with pytest.raises(TypeError, match="int32"):
        random_resized_crop(np.zeros((2, 8, 8, 3), np.int32), 8, (0, 1))
