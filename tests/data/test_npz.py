# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from cl_keras import data

IMAGES = np.random.default_rng(0).integers(0, 256, (6, 8, 8, 3), np.uint8)


def load(tmp_path, **arrays):
    np.savez(tmp_path / "x.npz", **arrays)
    return data.load(f"npz:{tmp_path}/x.npz")


@pytest.mark.parametrize(
    ("image_key", "label_key"),
    [("images", "labels"), ("x", "y"), ("x_train", "y_train")],
)
def test_images_and_labels_under_their_usual_names(tmp_path, image_key, label_key):
    labels = np.array([[0], [1], [2], [0], [1], [2]], np.uint8)
    got = load(tmp_path, **{image_key: IMAGES, label_key: labels})
    np.testing.assert_array_equal(got.images, IMAGES)
    np.testing.assert_array_equal(got.labels, labels.ravel())
    assert got.labels.dtype == np.int64


def test_unlabelled_grey_floats_and_resize(tmp_path):
    got = load(tmp_path, images=(IMAGES[..., 0] / 255.0).astype(np.float32))
    np.testing.assert_array_equal(got.images, IMAGES[..., :1])
    assert got.labels is None
    assert data.load(f"npz:{tmp_path}/x.npz", image_size=4).shape == (4, 4, 1)


def test_wider_integers_within_a_byte(tmp_path):
    got = load(tmp_path, images=IMAGES.astype(np.int64))
    np.testing.assert_array_equal(got.images, IMAGES)


def test_names_of_classes(tmp_path):
    got = load(tmp_path, images=IMAGES, labels=["b", "a", "b", "a", "a", "b"])
    assert got.class_names == ("a", "b")
    assert got.labels.tolist() == [1, 0, 1, 0, 0, 1]
    got = load(tmp_path, images=IMAGES, labels=[1, 0] * 3, class_names=["u", "v"])
    assert got.class_names == ("u", "v")


@pytest.mark.parametrize("keys", [("test_images", "test_labels"), ("x_test", "y_test")])
def test_the_test_part_is_used_and_not_trained_on(tmp_path, keys):
    path = tmp_path / "x.npz"
    arrays = {keys[0]: IMAGES[:2], keys[1]: [0, 1]}
    np.savez(path, images=IMAGES[2:], labels=[0, 1, 0, 1], **arrays)
    train, test = data.load_splits(f"npz:{path}")
    np.testing.assert_array_equal(train.images, IMAGES[2:])
    np.testing.assert_array_equal(test.images, IMAGES[:2])
    assert test.labels.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"pictures": IMAGES}, "keys: pictures"),
        ({"images": IMAGES / 100.0}, r"in \[0, 1\]"),
        ({"images": np.full((2, 8, 8), np.nan)}, r"in \[0, 1\]"),
        ({"images": IMAGES.astype(np.int32) - 1}, "in 0..255"),
        ({"images": IMAGES.transpose(0, 3, 1, 2)}, "channels come last"),
        ({"images": np.zeros((0, 8, 8), np.uint8)}, "shape"),
        ({"images": IMAGES.astype(str)}, "numbers"),
        ({"images": IMAGES, "labels": np.full(6, 0.5)}, "whole numbers"),
        ({"images": IMAGES, "labels": np.zeros(5, int)}, "one label an image"),
        ({"images": IMAGES.astype(object)}, "allow_pickle=False"),
    ],
)
def test_unfit_files_are_refused(tmp_path, arrays, message):
    with pytest.raises(ValueError, match=message):
        load(tmp_path, **arrays)


def test_files_of_another_kind_are_refused(tmp_path):
    path = tmp_path / "x.npz"
    path.write_bytes(b"not an archive")
    with pytest.raises(ValueError, match="not an archive"):
        data.load(f"npz:{path}")
    np.savez_compressed(path, images=IMAGES)
    content = bytearray(path.read_bytes())
    content[200:260] = bytes(60)
    path.write_bytes(content)
    with pytest.raises(ValueError, match="x.npz"):
        data.load(f"npz:{path}")
