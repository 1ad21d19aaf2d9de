# SPDX-License-Identifier: Apache-2.0
"""Record files, damaged ones too, and sets of TensorFlow Datasets on disk."""

import warnings

import numpy as np
import pytest
import tensorflow as tf

from cl_keras import data
from cl_keras.data.images.tfds import Name, parse_name


def image(value, size=(6, 6), channels=3):
    array = np.random.default_rng(value).integers(0, 256, (*size, channels), np.uint8)
    array[0, 0] = value
    return array


def record(encoded, label=None, text=None, key="image/encoded"):
    def raw(value):
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))

    features = {} if encoded is None else {key: raw(encoded)}
    if isinstance(label, int):
        features["image/class/label"] = tf.train.Feature(
            int64_list=tf.train.Int64List(value=[label])
        )
    elif label is not None:
        features["label"] = raw(label)
    if text is not None:
        features["image/class/text"] = raw(text.encode())
    example = tf.train.Example(features=tf.train.Features(feature=features))
    return example.SerializeToString()


def write(path, records, compression=""):
    path.parent.mkdir(parents=True, exist_ok=True)
    with tf.io.TFRecordWriter(str(path), compression) as writer:
        for serialized in records:
            writer.write(serialized)


def png(value, **options):
    return tf.io.encode_png(image(value, **options)).numpy()


def load(spec, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        return data.load(spec, **options)


@pytest.mark.slow
def test_file_folder_and_pattern(tmp_path):
    write(tmp_path / "a.tfrecord", [record(png(i), i % 2) for i in range(3)])
    write(tmp_path / "b.tfrecord-00000-of-00001", [record(png(7), 1, key="image")])
    write(tmp_path / "c.tfrecord.gz", [record(png(9), 0)], "GZIP")
    (tmp_path / "readme.txt").write_text("not looked at")
    got = load(f"tfrecord:{tmp_path}")
    assert got.ids == (
        *("a.tfrecord:0", "a.tfrecord:1", "a.tfrecord:2"),
        *("b.tfrecord-00000-of-00001:0", "c.tfrecord.gz:0"),
    )
    assert got.labels.tolist() == [0, 1, 0, 1, 0] and got.class_names is None
    for found, value in zip(got.images, (0, 1, 2, 7, 9), strict=True):
        np.testing.assert_array_equal(found, image(value))
    assert len(load(f"tfrecord:{tmp_path}/a.tfrecord")) == 3
    assert len(load(f"tfrecord:{tmp_path}/[ab].*")) == 4
    assert data.modality(f"tfrecord:{tmp_path}") == "image"


@pytest.mark.slow
def test_it_is_found_under_cl_keras_data(tmp_path, monkeypatch):
    write(tmp_path / "tfrecord" / "pets" / "a.tfrecord", [record(png(1))])
    monkeypatch.setenv("CL_KERAS_DATA", str(tmp_path))
    assert len(load("tfrecord:pets")) == 1
    with pytest.raises(ValueError, match="Found no .tfrecord file for tfrecord:none"):
        data.load("tfrecord:none")


@pytest.mark.slow
def test_parts_by_the_names_of_files(tmp_path):
    write(tmp_path / "pets-train.tfrecord-00000-of-00002", [record(png(1), 0)] * 2)
    write(tmp_path / "pets-train.tfrecord-00001-of-00002", [record(png(2), 1)])
    write(tmp_path / "pets-validation.tfrecord", [record(png(3, size=(9, 9)), 1)])
    train, test = data.load_splits(f"tfrecord:{tmp_path}")
    assert (len(train), len(test)) == (3, 1)
    assert train.shape == test.shape == (6, 6, 3)
    assert len(load(f"tfrecord:{tmp_path}")) == 3
    only = f"tfrecord:{tmp_path}/pets-train*"
    assert [len(part) for part in data.load_splits(only)] == [2, 1]


def test_names_from_texts_and_from_a_file(tmp_path):
    rows = [(2, "dog"), (0, "cat"), (2, "dog")]
    write(
        tmp_path / "a" / "x.tfrecord", [record(png(i), *r) for i, r in enumerate(rows)]
    )
    got = load(f"tfrecord:{tmp_path}/a")
    assert got.labels.tolist() == [2, 0, 2]
    assert got.class_names == ("cat", "1", "dog")
    texts = [record(png(1), b"dog"), record(png(2), b"cat")]
    write(tmp_path / "b" / "x.tfrecord", texts)
    got = load(f"tfrecord:{tmp_path}/b")
    assert got.class_names == ("cat", "dog") and got.labels.tolist() == [1, 0]
    write(tmp_path / "c" / "x.tfrecord", [record(png(1), 0), record(png(2), 2)])
    (tmp_path / "c" / "labels.txt").write_text("ant\nbee\ncow\n")
    assert load(f"tfrecord:{tmp_path}/c").class_names == ("ant", "bee", "cow")
    (tmp_path / "c" / "labels.txt").write_text("ant\nbee\n")
    with pytest.raises(ValueError, match="2 class names, .* labels are 0..2"):
        data.load(f"tfrecord:{tmp_path}/c")


def test_bad_records_are_skipped_and_named(tmp_path):
    good = [record(png(i), i) for i in range(3)]
    bad = [b"\xff\xff no example", record(None, 1), record(b"no image", 1)]
    write(tmp_path / "a.tfrecord", [*good[:2], *bad, record(png(5)), good[2]])
    with pytest.warns(UserWarning, match="Skipped 4 of 7") as caught:
        got = data.load(f"tfrecord:{tmp_path}/a.tfrecord")
    assert caught[0].filename == __file__
    assert got.labels.tolist() == [0, 1, 2]
    assert got.ids == ("a.tfrecord:0", "a.tfrecord:1", "a.tfrecord:6")
    reasons = " ".join(got.skipped)
    for words in (
        "tfrecord:2 (is no tf.train.Example)",
        "tfrecord:3 (has no image under image/encoded or image; keys: image/class",
        "tfrecord:4 (",
        "tfrecord:5 (has no label)",
    ):
        assert words in reasons, (words, reasons)


@pytest.mark.slow
def test_a_damaged_file_gives_what_comes_before_the_damage(tmp_path):
    write(tmp_path / "a.tfrecord", [record(png(i)) for i in range(4)])
    content = bytearray((tmp_path / "a.tfrecord").read_bytes())
    length = len(content) // 4
    content[2 * length + 40] ^= 1
    (tmp_path / "a.tfrecord").write_bytes(content)
    write(tmp_path / "b.tfrecord", [record(png(8)), record(png(9))])
    cut = (tmp_path / "b.tfrecord").read_bytes()[:-20]
    (tmp_path / "b.tfrecord").write_bytes(cut)
    with pytest.warns(UserWarning, match="Skipped 2 of"):
        got = data.load(f"tfrecord:{tmp_path}")
    assert got.ids == ("a.tfrecord:0", "a.tfrecord:1", "b.tfrecord:0")
    assert "a.tfrecord:2 (this and all later records: corrupted" in got.skipped[0]
    cut = "b.tfrecord:1 (this and all later records: corrupted or cut off"
    assert cut in got.skipped[1]


def test_files_without_anything_usable_are_errors(tmp_path):
    (tmp_path / "a.tfrecord").write_bytes(b"")
    with pytest.raises(ValueError, match="no record at all"):
        data.load(f"tfrecord:{tmp_path}")
    (tmp_path / "a.tfrecord").write_bytes(b"this is no record file at all")
    with pytest.raises(ValueError, match="None of the records.*corrupted"):
        data.load(f"tfrecord:{tmp_path}")
    write(tmp_path / "a.tfrecord", [record(b"x"), record(b"y")])
    with pytest.raises(ValueError, match="None of the 2 images"):
        data.load(f"tfrecord:{tmp_path}")


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
