# SPDX-License-Identifier: Apache-2.0
"""Training from encoded files: the same pixels, decoded where they are needed."""

import numpy as np
import pytest
import tensorflow as tf

from cl_keras import augment, data
from cl_keras.data.images.encoded_views import _cut, _window
from cl_keras.preprocessing.decoding import decode_rgb

PLAIN = {"flip": 0.0, "jitter": 0.0, "grayscale": 0.0}


def smooth(seed, height, width):
    """An image with structure, so that a wrong crop shows."""
    rng = np.random.default_rng(seed)
    small = rng.uniform(0, 255, (5, 5, 3)).astype(np.float32)
    return tf.image.resize(small, (height, width)).numpy().astype(np.uint8)


@pytest.fixture
def photos(tmp_path):
    sizes = [(40, 60), (64, 33), (50, 50), (48, 80)]
    for label in ("a", "b"):
        (tmp_path / label).mkdir()
        for row, (height, width) in enumerate(sizes):
            pixels = smooth(row, height, width)
            path = tmp_path / label / f"{row}"
            if row == 3:
                encoded, path = tf.io.encode_png(pixels), path.with_suffix(".png")
            else:
                encoded = tf.io.encode_jpeg(pixels, quality=95)
                path = path.with_suffix(".jpg")
            path.write_bytes(encoded.numpy())
    return tmp_path


@pytest.mark.slow
def test_what_it_reads(photos):
    (photos / "a" / "zero.jpg").write_bytes(b"")
    cut = (photos / "a" / "0.jpg").read_bytes()[:300]
    (photos / "b" / "cut.jpg").write_bytes(cut)
    with pytest.warns(UserWarning, match="Skipped 2 of 10") as caught:
        images = data.encoded_images(photos)
    assert caught[0].filename == __file__
    assert len(images) == 8 and images.labels.tolist() == [0] * 4 + [1] * 4
    assert images.sizes[:2].tolist() == [[40, 60], [64, 33]]
    assert images.ids[3] == "a/3.png" and images.class_names == ("a", "b")
    assert {text.partition(" (")[0].rpartition("/")[2] for text in images.skipped} == {
        "zero.jpg",
        "cut.jpg",
    }
    some = data.encoded_images([photos / "b" / "1.jpg", photos / "b" / "3.png"])
    assert len(some) == 2 and some.labels is None
    with pytest.warns(UserWarning, match="does not match the pattern"):
        named = data.encoded_images(photos, pattern=r"(?P<n>\d)")
    assert named.labels.tolist() == [0, 1, 2, 3] * 2


@pytest.mark.slow
def test_the_whole_images_are_those_of_the_folder(photos):
    images = data.encoded_images(photos)
    expected = data.load(f"folder:{photos}", image_size=24)
    pairs = list(images.dataset(24).as_numpy_iterator())
    np.testing.assert_array_equal([image for image, _ in pairs], expected.images)
    assert [label for _, label in pairs] == expected.labels.tolist()
    views = data.two_views(images.dataset(24), augment.SimCLRImages(size=16), 4)
    assert next(iter(views))[0].shape == (4, 16, 16, 3)
    assert sum(len(x) for x in data.batches(images.dataset(24), 3)) == 8


@pytest.mark.parametrize("size", [16, 32])  # Smaller than the part, and larger.
@pytest.mark.parametrize("name", ["1.jpg", "3.png"])
def test_a_cut_is_that_part_of_the_image(photos, name, size):
    content = (photos / "a" / name).read_bytes()
    whole = tf.io.decode_image(content, channels=3).numpy()
    image = decode_rgb(tf.constant(content), spare=tf.constant(1.9))
    np.testing.assert_array_equal(image, whole)
    height, width = whole.shape[:2]
    part = _cut(image, [7 / height, 5 / width, 27 / height, 16 / width], size)
    expected = tf.image.resize(whole[7:27, 5:16], (size, size), antialias=True) / 255
    np.testing.assert_allclose(part, expected, atol=1e-5)


def test_a_jpeg_is_decoded_as_small_as_the_views_allow(photos):
    content = tf.io.encode_jpeg(smooth(5, 96, 160), quality=95)
    for spare, ratio in ((1.9, 1), (2.0, 2), (3.9, 2), (4.0, 4), (8.0, 8), (99.0, 8)):
        image = decode_rgb(content, spare=tf.constant(spare))
        assert image.shape == (96 // ratio, 160 // ratio, 3)
        small = tf.image.resize(smooth(5, 96, 160), image.shape[:2], antialias=True)
        assert abs(tf.cast(image, tf.float32) - small).numpy().mean() < 4
    png = tf.io.encode_png(smooth(5, 96, 160))
    assert decode_rgb(png, spare=tf.constant(8.0)).shape == (96, 160, 3)


@pytest.mark.slow
def test_windows_stay_inside():
    shape = tf.constant([300, 2])
    for box in augment.crop.random_boxes(500, (0, 1), image_ratio=2 / 300):
        top, left, height, width = _window(box, shape).numpy()
        assert top >= 0 and left >= 0 and height >= 1 and width >= 1
        assert top + height <= 300 and left + width <= 2
    assert _window(tf.ones(4), shape).numpy().tolist() == [299, 1, 1, 1]


@pytest.mark.slow
def test_views_of_the_whole_image_are_the_image(photos):
    images = data.encoded_images([photos / "a" / "2.jpg"] * 4)
    views = augment.SimCLRImages(
        size=30, scale=(1.0, 1.0), ratio=(1.0, 1.0), strength=0.0, **PLAIN
    )
    first, second = next(iter(data.encoded_two_views(images, views, 4)))
    content = tf.io.decode_jpeg((photos / "a" / "2.jpg").read_bytes())
    expected = tf.image.resize(content, (30, 30), antialias=True) / 255
    for view in (first, second):
        np.testing.assert_allclose(view, np.stack([expected] * 4), atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("kinds", [("jpeg",), ("jpeg", "png")])
def test_small_images_of_one_size_get_the_views_of_decoded_ones(tmp_path, kinds):
    files = []
    for row in range(6):
        kind = kinds[row % len(kinds)]
        encoded = getattr(tf.io, f"encode_{kind}")(smooth(row, 20, 16))
        files.append(tmp_path / f"{row}.{kind}")
        files[-1].write_bytes(encoded.numpy())
    images = data.encoded_images(files)
    decoded = np.stack(
        [tf.io.decode_image(content, channels=3) for content in images.contents]
    )
    settings = {"batch_size": 4, "seed": 3, "repeat": True}
    views = augment.SimCLRImages(size=24, blur=0.0)
    found = data.encoded_two_views(images, views, **settings)
    expected = data.two_views(decoded, views, **settings)
    for ours, theirs in zip(found.take(3), expected, strict=False):
        for view, other in zip(ours, theirs, strict=True):
            np.testing.assert_array_equal(view, other)


@pytest.mark.slow
def test_crops_have_the_areas_and_ratios_asked_for(tmp_path):
    """Each pixel tells its place, so that a view tells its box."""
    y, x = np.mgrid[0:200, 0:100].astype(np.float32)
    pixels = np.stack([y / 199, x / 99, np.zeros_like(x)], -1) * 255
    (tmp_path / "a.png").write_bytes(tf.io.encode_png(pixels.astype("u1")).numpy())
    images = data.encoded_images([tmp_path / "a.png"] * 400)
    views = augment.SimCLRImages(size=8, scale=(0.2, 0.5), strength=0.0, **PLAIN)
    first, second = next(iter(data.encoded_two_views(images, views, 400)))
    for view in (first.numpy(), second.numpy()):
        # From the middle of the first to that of the last of eight pixels.
        height = (view[:, -1, 4, 0] - view[:, 0, 4, 0]) * 8 / 7
        width = (view[:, 4, -1, 1] - view[:, 4, 0, 1]) * 8 / 7
        area = height * width
        assert area.min() > 0.15 and area.max() < 0.56
        # Uniform areas, but that the ratios which do not fit are drawn again.
        assert abs(area.mean() - 0.35) < 0.03
        ratio = width * 100 / (height * 200)
        assert ratio.min() > 0.68 and ratio.max() < 1.48
        assert abs(np.log(ratio).mean()) < 0.05
    assert abs(first - second).numpy().mean() > 0.05


@pytest.mark.slow
def test_the_sequence_follows_the_seed_and_goes_on_anywhere(photos):
    images = data.encoded_images(photos)
    views = augment.SimCLRImages(size=8)

    def take(count, **options):
        dataset = data.encoded_two_views(
            images, views, 4, with_labels=True, repeat=True, **options
        )
        return [
            (first.numpy(), second.numpy(), labels.numpy())
            for (first, second), labels in dataset.take(count)
        ]

    all_of_it, later, other = take(5, seed=3), take(2, seed=3, start=3), take(1, seed=4)
    for found, expected in zip(later, all_of_it[3:], strict=True):
        for x, y in zip(found, expected, strict=True):
            np.testing.assert_array_equal(x, y)
    assert abs(other[0][0] - all_of_it[0][0]).max() > 0.1
    for pair in (all_of_it[:2], all_of_it[2:4]):  # An epoch has each image once.
        labels = np.concatenate([batch[2] for batch in pair])
        assert np.bincount(labels).tolist() == [4, 4]


def test_bad_input_is_refused_early(photos, tmp_path):
    images = data.encoded_images(photos)
    views = augment.SimCLRImages(size=8)
    with pytest.raises(ValueError, match="batch_size=9"):
        data.encoded_two_views(images, views, 9)
    with pytest.raises(ValueError, match="batch_size=1"):
        data.encoded_two_views(images, views, 1)
    with pytest.raises(ValueError, match="last batch of one"):
        data.encoded_two_views(images, views, 7, drop_remainder=False)
    with pytest.raises(TypeError, match="SimCLRImages"):
        data.encoded_two_views(images, lambda x, seed: (x, x), 4)
    with pytest.raises(ValueError, match="Received: none"):
        data.encoded_images([])
    with pytest.raises(ValueError, match="no file at .*none.png"):
        data.encoded_images([tmp_path / "none.png"])
    files = data.encoded_images(photos, max_bytes=1000)  # They stay on disk.
    rows = np.arange(len(images))
    assert files.read(rows) == images.read(rows)
    assert files.reader()(rows).numpy().tolist() == images.read(rows)
    unlabelled = data.encoded_images([photos / "a" / "0.jpg"] * 2)
    with pytest.raises(ValueError, match="with_labels"):
        data.encoded_two_views(unlabelled, views, 2, with_labels=True)
