# SPDX-License-Identifier: Apache-2.0
import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from cl_keras import augment, data

IMAGES = np.random.default_rng(0).integers(0, 256, (6, 24, 24, 3), np.uint8)


def test_global_views_come_first_and_each_is_drawn_by_itself():
    maker = augment.MultiCropImages(
        16, local_views=3, local_size=8, local_scale=(0.1, 0.2)
    )
    views = maker(IMAGES, (0, 1))
    assert [view.shape[1] for view in views] == [16, 16, 8, 8, 8]
    assert [view.scale for view in maker.views] == [(0.4, 1.0)] * 2 + [(0.1, 0.2)] * 3
    for one, other in zip(views[2:], views[3:], strict=False):
        assert np.abs(np.array(one) - np.array(other)).max() > 0.1
    for one, again in zip(views, maker(IMAGES, (0, 1)), strict=True):
        np.testing.assert_array_equal(one, again)


def test_local_views_are_as_large_as_global_ones_unless_told():
    maker = augment.MultiCropImages(12)
    assert [view.size for view in maker.views] == [12] * 8
    again = augment.MultiCropImages.from_config(maker.get_config())
    assert again == maker
    assert dataclasses.replace(maker, local_views=0).views == maker.views[:2]


def test_a_pipeline_holds_all_views():
    maker = augment.MultiCropImages(8, local_views=2)
    batch = next(iter(data.two_views(IMAGES, maker, 3)))
    assert [view.shape.as_list() for view in batch] == [[3, 8, 8, 3]] * 4


def test_a_preview_draws_small_views_as_large_as_the_first():
    maker = augment.MultiCropImages(16, local_views=3, local_size=8)
    # Six times enlarged tiles of 16 pixels, gaps of 4; images, two views and three.
    assert augment.preview(IMAGES, maker, None, n=5).shape == (6 * 100 + 4, 504, 3)


def test_views_of_files_are_those_of_their_pixels(tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    for number, image in enumerate(IMAGES):
        (folder / f"{number}.png").write_bytes(tf.io.encode_png(image).numpy())
    maker = augment.MultiCropImages(24, local_views=1)
    encoded = data.encoded_images(str(folder))
    options = {"batch_size": 3, "shuffle": False, "seed": 3}
    of_files = next(iter(data.two_views(encoded, maker, **options)))
    of_pixels = next(iter(data.two_views(IMAGES, maker, **options)))
    for one, other in zip(of_files, of_pixels, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"global_views": 1, "local_views": 0}, "views=1"),
        ({"global_views": 0}, "global_views=0"),
        ({"local_scale": (0.5, 2.0)}, "local_scale"),
        ({"local_size": 0}, "size"),
    ],
)
def test_bad_parameters_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        augment.MultiCropImages(16, **options)
