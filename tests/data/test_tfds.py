# SPDX-License-Identifier: Apache-2.0
"""Sets of TensorFlow Datasets on disk."""

import numpy as np
import pytest
import tensorflow as tf
from record_files import image, load, png, write

from cl_keras import data
from cl_keras.data.images.tfds import Name, parse_name


@pytest.fixture
def pets(tmp_path):
    """A set as TensorFlow Datasets keeps it: records and their description."""
    return write_set(tmp_path / "pets" / "1.0.0", ("train", 6), ("test", 3))


def write_set(folder, *splits, channels=3, feature="image", bad=()):
    tfds = pytest.importorskip("tensorflow_datasets")
    folder.mkdir(parents=True)
    name = folder.parent.name
    shape = (None, None, channels)
    features = tfds.features.FeaturesDict(
        {
            feature: tfds.features.Image(shape=shape)
            if feature == "image"
            else tfds.features.Tensor(shape=(), dtype=np.float32),
            "label": tfds.features.ClassLabel(names=["cat", "dog"]),
        }
    )
    infos = []
    for split, count in splits:
        path = folder / f"{name}-{split}.tfrecord-00000-of-00001"
        rows = []
        for i in range(count):
            value = image(i, channels=channels) if feature == "image" else 1.0
            row = features.serialize_example({feature: value, "label": i % 2})
            if i in bad:
                example = tf.train.Example.FromString(row)
                example.features.feature["image"].bytes_list.value[0] = b"broken"
                row = example.SerializeToString()
            rows.append(row)
        write(path, rows)
        infos.append(
            tfds.core.SplitInfo(
                name=split,
                shard_lengths=[count],
                num_bytes=0,
                filename_template=tfds.core.ShardedFileTemplate(
                    dataset_name=name,
                    data_dir=str(folder),
                    split=split,
                    filetype_suffix="tfrecord",
                ),
            )
        )
    tfds.folder_dataset.write_metadata(
        data_dir=str(folder), features=features, split_infos=infos
    )
    return folder


@pytest.mark.slow
def test_a_prepared_set_by_path_and_by_name(pets, tmp_path, monkeypatch):
    for spec in (f"tfds:{pets}", f"tfds:{pets.parent}"):
        train, test = data.load_splits(spec)
        assert (len(train), len(test)) == (6, 3)
        assert train.class_names == ("cat", "dog")
        assert train.labels.tolist() == [0, 1] * 3
        np.testing.assert_array_equal(train.images[4], image(4))
    with pytest.raises(ValueError, match="Found|No set 'pets'|not on this machine"):
        monkeypatch.setenv("CL_KERAS_OFFLINE", "1")
        monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "none"))
        data.load("tfds:pets")
    monkeypatch.setenv("CL_KERAS_DATA", str(tmp_path))
    assert len(load("tfds:pets")) == 6
    (tmp_path / "tfds").mkdir()
    (tmp_path / "pets").rename(tmp_path / "tfds" / "pets")
    for spec, count in (
        ("tfds:pets", 6),
        ("tfds:pets:1.0.0", 6),
        ("tfds:pets:test", 3),
        ("tfds:pets:train[:50%]", 3),
        ("tfds:pets:1.0.0:train+test", 9),
    ):
        assert len(load(spec)) == count, spec
    assert [len(x) for x in data.load_splits("tfds:pets:train")] == [4, 2]
    train, test = data.load_splits("tfds:pets:train[:4]", "tfds:pets:test")
    assert (len(train), len(test)) == (4, 3)
    with pytest.raises(ValueError, match="no split 'trian'.*Splits: .*train"):
        data.load("tfds:pets:trian")


@pytest.mark.slow
def test_the_newest_version_is_taken(pets, tmp_path, monkeypatch):
    write_set(pets.parent / "1.10.0", ("train", 2))
    write_set(pets.parent / "1.9.0", ("train", 4))
    assert len(load(f"tfds:{pets.parent}")) == 2
    assert len(load(f"tfds:{pets.parent}:1.9.0")) == 4


def test_grey_images_stay_grey_and_bad_ones_are_skipped(tmp_path):
    folder = write_set(tmp_path / "g" / "1.0.0", ("train", 4), channels=1, bad=(2,))
    with pytest.warns(UserWarning, match="Skipped 1 of 4"):
        got = data.load(f"tfds:{folder}", image_size=3)
    assert got.shape == (3, 3, 1)
    assert got.ids == ("train:0", "train:1", "train:3")
    assert "train:2 (" in got.skipped[0] and got.labels.tolist() == [0, 1, 1]


def test_sets_without_images_and_unknown_names(tmp_path, monkeypatch):
    folder = write_set(tmp_path / "s" / "1.0.0", ("train", 2), feature="value")
    with pytest.raises(ValueError, match="no images.*label, value"):
        data.load(f"tfds:{folder}")
    monkeypatch.setenv("CL_KERAS_DATA", str(tmp_path))
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    with pytest.raises(ValueError, match="Did you mean mnist"):
        data.load("tfds:minst")
    with pytest.raises(ValueError, match="tfds:NAME"):
        data.load("tfds:")


@pytest.mark.slow
def test_a_folder_as_image_folder_takes_it(tmp_path):
    tfds = pytest.importorskip("tensorflow_datasets")
    for part, count in (("train", 3), ("test", 2)):
        for name in ("cat", "dog"):
            (tmp_path / part / name).mkdir(parents=True)
            for i in range(count):
                (tmp_path / part / name / f"{i}.png").write_bytes(png(i))
    theirs = tfds.ImageFolder(str(tmp_path))
    train, test = data.load_splits(f"tfds:{tmp_path}")
    for part, split in ((train, "train"), (test, "test")):
        assert len(part) == theirs.info.splits[split].num_examples
        assert list(part.class_names) == theirs.info.features["label"].names
        rows = theirs.as_dataset(split).as_numpy_iterator()
        expected = {(x["image"].tobytes(), int(x["label"])) for x in rows}
        found = zip(part.images, part.labels, strict=True)
        assert {(x.tobytes(), int(label)) for x, label in found} == expected


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("mnist", Name("mnist", None)),
        ("mnist:test", Name("mnist", "test")),
        ("mnist:3.0.1", Name("mnist/3.0.1", None)),
        ("mnist/x:3.0.1:train[:10%]", Name("mnist/x/3.0.1", "train[:10%]")),
        ("mnist:train[10:20]+test", Name("mnist", "train[10:20]+test")),
    ],
)
def test_names(text, name):
    assert parse_name(text) == name
