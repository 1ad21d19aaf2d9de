# SPDX-License-Identifier: Apache-2.0
import json

import numpy as np
import pytest
import tensorflow as tf

from cl_keras.augment import BYOLImages, ImageView, SimCLRImages, preview


def noise(count=16, channels=3):
    random = np.random.default_rng(0)
    return random.integers(0, 256, (count, 20, 24, channels), np.uint8)


MAKERS = [
    SimCLRImages(size=16),
    SimCLRImages.imagenet(16),
    SimCLRImages.moco_v2(16),
    BYOLImages(size=16),
    BYOLImages.imagenet(16),
]


@pytest.mark.slow
@pytest.mark.parametrize("views", MAKERS)
@pytest.mark.parametrize("channels", [1, 3])
def test_two_independent_views_in_range_made_again_by_the_seed(views, channels):
    images = np.repeat(noise(1, channels), 12, axis=0)
    first, second = views(images, (0, 1))
    for view in (first, second):
        assert view.shape == (12, 16, 16, channels)
        assert view.dtype == tf.float32
        assert np.min(view) >= 0.0
        assert np.max(view) <= 1.0
    every = np.concatenate([first, second]).reshape(24, -1)
    assert len(np.unique(every, axis=0)) == 24
    again = tf.function(views)(tf.constant(images), tf.constant([0, 1]))
    np.testing.assert_allclose(again[0], first, atol=1e-5)
    np.testing.assert_allclose(again[1], second, atol=1e-5)
    assert np.abs(views(images, (0, 2))[0] - first).max() > 0.01


@pytest.mark.parametrize("views", MAKERS)
def test_config_comes_back_through_json(views):
    config = json.loads(json.dumps(views.get_config()))
    assert type(views).from_config(config) == views


def test_views_of_one_example_do_not_depend_on_the_others_pixels():
    images = noise(4)
    changed = images.copy()
    changed[1:] = 0
    first, _ = SimCLRImages(16, blur=0.5)(images, (0, 1))
    other, _ = SimCLRImages(16, blur=0.5)(changed, (0, 1))
    np.testing.assert_allclose(first[0], other[0], atol=1e-6)


def test_papers_values():
    view = SimCLRImages.imagenet().views[0]
    strengths = (view.brightness, view.contrast, view.saturation, view.hue)
    assert strengths == (0.8, 0.8, 0.8, 0.2)
    assert (view.size, view.scale, view.jitter, view.grayscale, view.blur) == (
        (224, (0.08, 1.0), 0.8, 0.2, 0.5)
    )
    small = SimCLRImages().views[0]
    assert (small.brightness, small.hue, small.blur) == (0.4, 0.1, 0.0)
    moco = SimCLRImages.moco_v2().views[0]
    assert (moco.scale, moco.contrast, moco.hue) == ((0.2, 1.0), 0.4, 0.1)
    first, second = BYOLImages.imagenet().views
    assert (first.blur, first.solarize) == (1.0, 0.0)
    assert (second.blur, second.solarize) == (0.1, 0.2)
    for view in (first, second):
        strengths = (view.brightness, view.contrast, view.saturation, view.hue)
        assert strengths == (0.4, 0.4, 0.2, 0.1)


def test_only_the_second_byol_view_is_solarised():
    white = np.full((4000, 4, 4, 1), 255, np.uint8)
    first, second = BYOLImages(4, jitter=0.0)(white, (0, 1))
    assert np.min(first) == 1.0
    np.testing.assert_allclose(
        np.mean(np.max(second, axis=(1, 2, 3)) == 0), 0.2, atol=0.025
    )


def test_without_operations_a_view_is_the_image():
    images = noise(4)
    plain = ImageView(20, scale=(1.0, 1.0), ratio=(1.0, 1.0), flip=0.0)
    square = images[:, :, :20]
    np.testing.assert_allclose(plain(square, (0, 1)), square / 255.0, atol=1e-6)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SimCLRImages(0), "size=0"),
        (lambda: SimCLRImages(8, strength=-1), "strength=-1"),
        (lambda: SimCLRImages(8, flip=2), "flip=2"),
        (lambda: SimCLRImages(8, blur=-1), "blur=-1"),
        (lambda: SimCLRImages(8, scale=(0.5, 2.0)), "scale"),
        (lambda: SimCLRImages(8, strength=3), "hue"),
        (lambda: BYOLImages(8, blur=0.5), "one probability a view"),
        (lambda: BYOLImages(8, solarize=(0.0, 1.1)), "solarize=1.1"),
        (lambda: BYOLImages(8, hue=0.7), "hue=0.7"),
    ],
)
def test_bad_parameters_are_named_when_the_maker_is_built(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("channels", [1, 3])
def test_preview_writes_the_grid_it_returns(tmp_path, channels):
    path = tmp_path / "new" / "views.png"
    grid = preview(noise(channels=channels), SimCLRImages(16), path, n=5)
    assert grid.dtype == np.uint8
    # Six times enlarged tiles of 16 pixels, gaps of 4; images, view 1, view 2.
    assert grid.shape == (3 * 100 + 4, 5 * 100 + 4, channels)
    np.testing.assert_array_equal(tf.io.decode_png(path.read_bytes()), grid)
    np.testing.assert_array_equal(
        preview(noise(channels=channels), SimCLRImages(16), None, n=5), grid
    )
    other = preview(noise(channels=channels), SimCLRImages(16), None, n=5, seed=1)
    np.testing.assert_array_equal(other[:100], grid[:100])
    assert (other[100:] != grid[100:]).any()


def test_preview_of_nothing_is_refused():
    with pytest.raises(ValueError, match="at least one image"):
        preview(noise(0), SimCLRImages(16), None)
    with pytest.raises(ValueError, match="n=0"):
        preview(noise(2), SimCLRImages(16), None, n=0)
