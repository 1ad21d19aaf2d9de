# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import tensorflow as tf
from sklearn.datasets import load_digits

from cl_keras import data
from cl_keras.data import folder_walk, listing
from cl_keras.data.inventory import take_inventory
from cl_keras.preprocessing.resizing import resize_all


def write_classes(folder, names=("cat", "dog"), count=3, size=(8, 8)):
    for value, name in enumerate(names):
        (folder / name).mkdir(parents=True)
        for index in range(count):
            image = np.full((*size, 3), 40 * value + index, np.uint8)
            path = folder / name / f"{index}.png"
            path.write_bytes(tf.io.encode_png(image).numpy())


def test_digits_are_the_scans_scaled_to_bytes():
    digits = data.load("digits")
    assert digits.images.shape == (1797, 16, 16, 1)
    assert digits.class_names == tuple("0123456789")
    small = data.load("digits", image_size=8)
    source = load_digits()
    np.testing.assert_array_equal(
        small.images[..., 0], np.round(source.images * 255 / 16)
    )
    np.testing.assert_array_equal(small.labels, source.target)
    assert small.labels.dtype == np.int64


def test_digits_split_is_stratified_seeded_and_without_overlap():
    train, test = data.load_splits("digits")
    assert (len(train), len(test)) == (1438, 359)
    counts = np.bincount(data.load("digits").labels)
    np.testing.assert_array_equal(np.bincount(test.labels), np.round(counts * 0.2))
    again = data.load_splits("digits")
    np.testing.assert_array_equal(test.images, again[1].images)
    other = data.load_splits("digits", seed=1)
    assert (test.images != other[1].images).any()


def test_split_takes_every_image_once():
    images = np.arange(50, dtype=np.uint8).reshape(50, 1, 1, 1)
    for labels in (None, np.arange(50) % 3):
        train, test = data.ImageData("x", images, labels).split(0.3, seed=4)
        assert len(test) == 15
        both = np.concatenate([train.images, test.images]).ravel()
        np.testing.assert_array_equal(np.sort(both), np.arange(50))
        if labels is not None:
            np.testing.assert_array_equal(test.labels, test.images.ravel() % 3)


def test_split_keeps_a_rare_class_on_the_training_side():
    labels = np.array([0, 0, 1, 2, 2, 2])
    train, test = data.ImageData("x", np.zeros((6, 1, 1, 1), np.uint8), labels).split(
        0.1
    )
    assert np.unique(train.labels).tolist() == [0, 1, 2]
    assert np.unique(test.labels).tolist() == [0, 2]
    single = data.ImageData("x", np.zeros((1, 1, 1, 1), np.uint8))
    with pytest.raises(ValueError, match="fewer than two examples"):
        single.split()
    with pytest.raises(ValueError, match="test_fraction=1.0"):
        single.split(1.0)


def test_printed_data_is_a_line():
    waves = tuple(np.zeros((2, 1000, 3), np.float32))
    kinds = {"word": np.zeros(2, int), "who": np.ones(2, int)}
    assert repr(data.SequenceData("csv:a", waves, kinds)) == (
        "SequenceData('csv:a', sequences: 2, labels: word, who)"
    )
    pixels = np.zeros((1200, 2, 2, 1), np.uint8)
    assert repr(data.ImageData("a", pixels)) == (
        "ImageData('a', images: 1,200, labels: no)"
    )
    graph = data.GraphData("path", np.eye(3, dtype="f4"), np.array([[0, 1]]))
    assert repr(graph) == (
        "GraphData('path', graphs: 1, nodes: 3, edges: 1, features: 3, labels: no)"
    )


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"images": np.zeros((2, 4, 4, 1))}, TypeError, "float64"),
        ({"images": np.zeros((2, 4, 4), np.uint8)}, ValueError, "\\(2, 4, 4\\)"),
        ({"images": np.zeros((0, 4, 4, 1), np.uint8)}, ValueError, "at least one"),
        ({"labels": np.zeros(3, np.int64)}, ValueError, "shape \\(2,\\)"),
        ({"labels": np.full(2, 0.5)}, ValueError, "0.5"),
        (
            {"labels": np.array([0, 5]), "class_names": ("a", "b")},
            ValueError,
            "0..5",
        ),
    ],
)
def test_image_data_checks_itself(arguments, error, message):
    arguments = {"images": np.zeros((2, 4, 4, 1), np.uint8), **arguments}
    with pytest.raises(error, match=message):
        data.ImageData("x", **arguments)


def test_ready_splits_are_used(tmp_path):
    write_classes(tmp_path / "train")
    write_classes(tmp_path / "val", count=2)
    train, test = data.load_splits(f"folder:{tmp_path}")
    assert (len(train), len(test)) == (6, 4)
    assert train.class_names == test.class_names == ("cat", "dog")
    with pytest.raises(ValueError, match="load_splits"):
        data.load(f"folder:{tmp_path}")
    write_classes(tmp_path / "test", count=1)
    assert len(data.load_splits(f"folder:{tmp_path}")[1]) == 2


def test_a_source_lists_its_files_once(tmp_path, monkeypatch):
    write_classes(tmp_path / "set" / "train", size=(8, 6))
    write_classes(tmp_path / "set" / "val", count=2)
    monkeypatch.chdir(tmp_path / "set")
    walks = []
    monkeypatch.setattr(
        listing, "walk", lambda path: walks.append(path) or folder_walk.walk(path)
    )
    source = data.open("folder:.")
    assert (source.kind, source.modality) == ("folder", "image")
    assert source.default_size() == (8, 6)
    assert [len(source.files(part).files) for part in source.folders] == [6, 4]
    assert list(take_inventory(source)["parts"]) == ["train", "test"]
    assert [len(source.stream(part, side=8)) for part in source.folders] == [6, 4]
    parts = source.load_parts()
    # The test part follows the size of the training part, and names are from it.
    assert {part.shape for part in parts.values()} == {(8, 6, 3)}
    assert parts["test"].ids == ("cat/0.png", "cat/1.png", "dog/0.png", "dog/1.png")
    assert len(walks) == 1


def test_a_source_without_parts_has_no_test_part():
    source = data.open("digits")
    assert source.load("test") is None and list(source.load_parts()) == [""]
    with pytest.raises(ValueError, match="`sample_rate` is of audio data.*image data"):
        source.load(sample_rate=8000)
    with pytest.raises(ValueError, match="to stream images from. Received: digits"):
        source.stream(side=16)
    message = "Expected recordings. Received: digits.*data.load_splits reads it"
    with pytest.raises(ValueError, match=message):
        data.load_sequence_splits("digits")


@pytest.mark.slow
def test_a_ready_split_is_found_inside_a_lone_folder(tmp_path):
    write_classes(tmp_path / "set" / "train")
    write_classes(tmp_path / "set" / "test", count=2)
    train, test = data.load_splits(f"folder:{tmp_path}")
    assert (len(train), len(test)) == (6, 4)


def test_a_folder_without_ready_split_is_held_out(tmp_path):
    write_classes(tmp_path, count=5)
    train, test = data.load_splits(f"folder:{tmp_path}")
    assert np.bincount(train.labels).tolist() == [4, 4]
    assert np.bincount(test.labels).tolist() == [1, 1]


@pytest.mark.slow
def test_test_images_take_the_size_of_the_training_images(tmp_path):
    write_classes(tmp_path / "a")
    write_classes(tmp_path / "b", size=(12, 20))
    train, test = data.load_splits(f"folder:{tmp_path}/a", f"folder:{tmp_path}/b")
    assert train.shape == test.shape == (8, 8, 3)
    with pytest.raises(ValueError, match="same shape.*\\(8, 8, 3\\).*\\(8, 8, 1\\)"):
        data.load_splits(f"folder:{tmp_path}/a", "digits")


def test_training_data_is_never_the_test_data(tmp_path):
    with pytest.raises(ValueError, match="other than the training data"):
        data.load_splits("digits", "digits")
    write_classes(tmp_path / "train")
    with pytest.raises(ValueError, match="other than the training data"):
        data.load_splits(f"folder:{tmp_path}/train", f"folder:{tmp_path}/./train")


@pytest.mark.slow
def test_parts_with_other_classes_share_one_numbering(tmp_path):
    write_classes(tmp_path / "a", names=("dog", "emu"))
    write_classes(tmp_path / "b", names=("cat", "dog"))
    for options in ({}, {"test_spec": f"folder:{tmp_path}/b"}):
        if not options:
            (tmp_path / "both").mkdir()
            (tmp_path / "both" / "train").symlink_to(tmp_path / "a")
            (tmp_path / "both" / "test").symlink_to(tmp_path / "b")
        spec = f"folder:{tmp_path}/{'a' if options else 'both'}"
        with pytest.warns(UserWarning, match="no example of 1 of the 2 .*such as cat:"):
            train, test = data.load_splits(spec, **options)
        assert train.class_names == test.class_names == ("cat", "dog", "emu")
        assert train.labels.tolist() == [1, 1, 1, 2, 2, 2]
        assert test.labels.tolist() == [0, 0, 0, 1, 1, 1]


def test_labels_of_one_part_alone_are_left_out(tmp_path):
    images = np.zeros((4, 8, 8, 3), np.uint8)
    np.savez(tmp_path / "a.npz", images=images, labels=[0, 1, 0, 1])
    np.savez(tmp_path / "b.npz", images=images)
    with pytest.warns(UserWarning, match="Only npz:.*a.npz has labels"):
        train, test = data.load_splits(f"npz:{tmp_path}/a.npz", f"npz:{tmp_path}/b.npz")
    assert train.labels is None and test.labels is None
    write_classes(tmp_path / "named")
    with pytest.raises(
        ValueError, match=r"in both parts.*None in npz:.*\('cat', 'dog'\)"
    ):
        data.load_splits(f"npz:{tmp_path}/a.npz", f"folder:{tmp_path}/named")


@pytest.mark.slow
def test_paths_home_working_folder_and_cl_keras_data(tmp_path, monkeypatch):
    write_classes(tmp_path / "sets" / "pets")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert len(data.load("folder:~/sets/pets")) == 6
    monkeypatch.chdir(tmp_path / "sets")
    assert len(data.load("folder:pets")) == 6
    monkeypatch.chdir("/")
    with pytest.raises(ValueError, match="Found no folder for folder:pets"):
        data.load("folder:pets")
    monkeypatch.setenv("CL_KERAS_DATA", str(tmp_path / "sets"))
    assert len(data.load("folder:pets")) == 6
    with pytest.raises(ValueError, match="sets/none"):
        data.load("folder:none")


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("digit", "Did you mean 'digits'"),
        ("foldr:/x", "Did you mean 'folder'"),
        ("tfds:", "tfds:NAME"),
        ("planetoid:no_such", "Found no file"),
        ("folder:", "folder:PATH"),
        ("digits:8", "just 'digits'"),
        ("npz:/no/such.npz", "Found no file"),
        ("/", "such as folder:/"),
    ],
)
def test_specs_that_are_not_understood(spec, message):
    with pytest.raises(ValueError, match=message):
        data.load(spec)


def test_image_size_must_be_positive():
    with pytest.raises(ValueError, match="image_size=0"):
        data.load("digits", image_size=0)


def test_resize_keeps_the_aspect_and_cuts_to_the_centre():
    # A horizontal ramp, twice as wide as high: the middle half is left.
    ramp = np.tile(np.arange(0, 160, 4, dtype=np.uint8), (20, 1))
    images = ramp[np.newaxis, :, :, np.newaxis]
    np.testing.assert_array_equal(resize_all(images, (20, 20)), images[:, :, 10:30])
    half = resize_all(images, (10, 10))
    assert half.shape == (1, 10, 10, 1)
    np.testing.assert_allclose(half[0, 5, :, 0], np.arange(42, 118, 8), atol=1)
    assert resize_all(np.zeros((1, 7, 3, 3), np.uint8), (5, 9)).shape == (1, 5, 9, 3)
