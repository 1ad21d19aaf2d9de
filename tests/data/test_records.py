# SPDX-License-Identifier: Apache-2.0
"""Packed records: what is written is what is read, and nothing else passes for it."""

import json
import shutil
import warnings

import numpy as np
import pytest
import soundfile
import tensorflow as tf
from PIL import Image

from cl_keras import artifact, augment, data
from cl_keras.data.images.tfrecord import load_tfrecord


@pytest.fixture(scope="module")
def originals(tmp_path_factory, paint):
    folder = tmp_path_factory.mktemp("originals")
    for index in range(10):
        paint(folder / "photos" / "b" / f"{index}.png", index, size=(8 + index, 12))
        paint(folder / "photos" / "a" / "deep" / f"{index}.jpg", 50 + index)
    data.write_records(f"folder:{folder / 'photos'}", folder / "packed", shards=4)
    return folder


@pytest.fixture
def photos(originals, tmp_path):
    return shutil.copytree(originals / "photos", tmp_path / "photos")


@pytest.fixture
def packed(originals, tmp_path):
    return shutil.copytree(originals / "packed", tmp_path / "packed")


@pytest.mark.slow
def test_records_are_the_folder(photos, packed):
    names = [f"packed-{n:05d}-of-00004.tfrecord" for n in range(4)]
    assert sorted(p.name for p in packed.iterdir()) == [
        "index.json",
        *names,
        "rows.npz",
    ]
    assert [p.name for p in packed.parent.iterdir() if p.name.startswith(".")] == []
    index = json.loads((packed / "index.json").read_text())
    assert index["count"] == 20 and index["class_names"] == {"label": ["a", "b"]}
    assert [shard["count"] for shard in index["shards"]] == [5, 5, 5, 5]
    for shard in index["shards"]:
        assert shard["sha256"] == artifact.sha256(packed / shard["path"])
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        plain = data.load(f"folder:{photos}", image_size=8)
        records = data.load(f"tfrecord:{packed}", image_size=8)
    assert records.ids == plain.ids and records.class_names == plain.class_names
    np.testing.assert_array_equal(records.images, plain.images)
    np.testing.assert_array_equal(records.labels, plain.labels)
    assert data.modality(f"tfrecord:{packed}") == "image"


@pytest.mark.slow
def test_records_hold_the_files_as_they_are_for_any_reader(photos, packed):
    seen = {}
    for record in tf.data.TFRecordDataset(sorted(map(str, packed.glob("*.tfrecord")))):
        feature = tf.train.Example.FromString(record.numpy()).features.feature
        name = feature["cl_keras/id"].bytes_list.value[0].decode()
        seen[name] = feature["image/encoded"].bytes_list.value[0]
        assert feature["image/class/text"].bytes_list.value[0].decode() == name[0]
        size = [feature[f"image/{x}"].int64_list.value[0] for x in ("height", "width")]
        assert size == list(np.asarray(Image.open(photos / name)).shape[:2])
    assert seen == {
        str(p.relative_to(photos)): p.read_bytes()
        for p in photos.rglob("*.*")
        if p.is_file()
    }


@pytest.mark.slow
def test_positions_point_at_the_records(packed):
    index = data.RecordIndex.find(packed)
    rows = index.positions()
    expected = []
    for number, shard in enumerate(index.shards):
        content = (packed / shard.record.path).read_bytes()
        for record in tf.data.TFRecordDataset(str(packed / shard.record.path)):
            row = len(expected)
            start = rows["offset"][row]
            assert rows["shard"][row] == number
            found = content[start : start + rows["length"][row]]
            assert found == record.numpy()
            expected.append(found)
    assert len(expected) == len(index) == 20


@pytest.mark.slow
def test_bad_files_are_left_out_by_name(photos, tmp_path):
    (photos / "a" / "bad.png").write_bytes(b"no image")
    (photos / "b" / "zz.jpg").write_bytes(b"")
    with pytest.warns(UserWarning, match="Skipped 2 of 22"):
        index = data.write_records(f"folder:{photos}", tmp_path / "p", shards=3)
    assert len(index) == 20 and sum(shard.count for shard in index.shards) == 20
    assert [text.partition(" (")[0] for text in index.skipped] == [
        str(photos / "a" / "bad.png"),
        str(photos / "b" / "zz.jpg"),
    ]
    assert "an empty file" in index.skipped[1]


@pytest.mark.slow
def test_parts_names_and_shuffling(tmp_path, paint):
    for part, count in (("train", 12), ("val", 4)):
        for name in "xy":
            for row in range(count):
                paint(tmp_path / "set" / part / name / f"{row}.png", row)
    spec = f"folder:{tmp_path / 'set'}"
    # A name that has a part's name in it does not lead astray.
    index = data.write_records(
        spec, tmp_path / "p", shards=4, name="test-set", shuffle_seed=3
    )
    assert [shard.part for shard in index.shards] == ["train"] * 3 + ["test"]
    train, test = data.load_splits(f"tfrecord:{tmp_path / 'p'}")
    assert len(train) == 24 and len(test) == 8
    assert set(test.ids) == {f"val/{n}/{row}.png" for n in "xy" for row in range(4)}
    plain, _ = data.load_splits(spec)
    assert sorted(train.ids) != list(train.ids)
    for row, name in enumerate(train.ids):
        assert train.class_names[train.labels[row]] == name.split("/")[1]
        same = [x.removeprefix("train/") for x in train.ids]
        assert plain.ids[row] in same
    assert len(data.record_images(tmp_path / "p", "test")) == 8
    again = tmp_path / "again"
    data.write_records(spec, again, shards=4, name="test-set", shuffle_seed=3)
    for shard in index.shards:
        assert shard.record.verify(again)


@pytest.mark.parametrize("reader", ["load", "record_images"])
def test_a_shard_that_is_not_the_one_written_is_named(packed, reader):
    def read(**options):
        if reader == "load":
            return load_tfrecord(packed, **options)
        return data.record_images(packed, **options)

    first, second = (packed / f"packed-0000{n}-of-00004.tfrecord" for n in (0, 1))
    content, other = first.read_bytes(), second.read_bytes()
    first.unlink()
    with pytest.raises(
        artifact.MissingFileError, match="00000.*lists 4 shards with 20"
    ):
        read()
    first.write_bytes(content[:-9])
    for checksums in (True, False):
        with pytest.raises(artifact.TruncatedFileError, match="00000-of-00004.*trunc"):
            read(checksums=checksums)
    first.write_bytes(other)
    second.write_bytes(content)
    with pytest.raises(artifact.ChangedFileError, match="belongs into packed-00001"):
        read()
    second.write_bytes(other)
    first.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(artifact.ChangedFileError, match="was changed"):
        read()
    if reader == "load":  # The record's own checksum tells, too.
        with pytest.raises(
            ValueError, match="5 records by its index. Received: 4. .*all later"
        ):
            read(checksums=False)
    else:
        assert len(read(checksums=False)) == 20
    first.write_bytes(content)
    read()
    shutil.copy(first, packed / "foreign.tfrecord")
    if reader == "load":
        with pytest.raises(ValueError, match="foreign.tfrecord is not in the index"):
            read()
    assert len(data.load(f"tfrecord:{second}").ids) == 5


@pytest.mark.slow
def test_any_row_is_read_by_itself(photos, packed):
    rows = np.array([19, 0, 7, 7, 12])
    names = data.load(f"folder:{photos}", image_size=8).ids
    for mapped in (True, False):
        read = data.record_images(packed, mapped=mapped).reader()
        got = tf.data.Dataset.from_tensors(rows).map(read).get_single_element()
        assert got.numpy().tolist() == [(photos / names[r]).read_bytes() for r in rows]


def batches(images, steps, **options):
    views = augment.SimCLRImages(size=8)
    dataset = data.encoded_two_views(
        images, views, 6, seed=4, repeat=True, with_labels=True, **options
    )
    return [
        (np.stack([view.numpy() for view in pair]), labels.numpy())
        for pair, labels in dataset.take(steps)
    ]


@pytest.mark.slow
def test_views_from_files_are_those_from_memory_at_any_step(photos, packed):
    images = data.record_images(packed)
    expected = batches(data.encoded_images(photos), 8)
    for got, want in zip(batches(images, 8), expected, strict=True):
        np.testing.assert_array_equal(got[0], want[0])
        np.testing.assert_array_equal(got[1], want[1])
    for got, want in zip(batches(images, 3, start=5), expected[5:], strict=True):
        np.testing.assert_array_equal(got[0], want[0])


@pytest.mark.slow
def test_workers_share_every_batch(packed):
    images = data.record_images(packed)
    whole = batches(images, 5)
    parts = [batches(images, 5, worker=(k, 2)) for k in range(2)]
    for step, (views, labels) in enumerate(whole):
        got = [worker[step] for worker in parts]
        assert [len(x[1]) for x in got] == [3, 3]
        np.testing.assert_array_equal(np.concatenate([x[1] for x in got]), labels)
        np.testing.assert_allclose(
            np.concatenate([x[0] for x in got], axis=1), views, atol=1e-6
        )


@pytest.mark.slow
def test_whole_images_in_order(photos, packed):
    dataset = data.record_images(packed).dataset(8)
    plain = data.load(f"folder:{photos}", image_size=8)
    got = list(dataset.as_numpy_iterator())
    np.testing.assert_array_equal(np.stack([image for image, _ in got]), plain.images)
    assert [label for _, label in got] == plain.labels.tolist()


def test_recordings(tmp_path):
    folder = tmp_path / "speech"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for name, rate in (("7_theo", 8000), ("3_theo", 8000), ("3_lucas", 16_000)):
        wave = rng.uniform(-0.5, 0.5, 400).astype("f4")
        soundfile.write(folder / f"{name}.wav", wave, rate)
    (folder / "9_bad.wav").write_bytes(b"RIFF")
    pattern = r"(?P<digit>\d)_(?P<speaker>[a-z]+)"
    with pytest.warns(UserWarning, match="Skipped 1 of 4"):
        data.write_records(
            f"folder:{folder}", tmp_path / "p", shards=2, pattern=pattern
        )
    assert data.modality(f"tfrecord:{tmp_path / 'p'}") == "audio"
    got = data.load(f"tfrecord:{tmp_path / 'p'}")
    (folder / "9_bad.wav").unlink()
    want = data.load(f"folder:{folder}", pattern=pattern)
    assert got.ids == want.ids and got.sample_rate == want.sample_rate == 8000
    for a, b in zip(got.sequences, want.sequences, strict=True):
        np.testing.assert_array_equal(a, b)
    for kind in ("digit", "speaker"):
        names = want.class_names[kind]
        assert [got.class_names[kind][x] for x in got.labels[kind]] == [
            names[x] for x in want.labels[kind]
        ]
    speaker = data.load(f"tfrecord:{tmp_path / 'p'}", label="speaker")
    assert speaker.labels.shape == (3,)
    train, test = data.load_sequence_splits(f"tfrecord:{tmp_path / 'p'}")
    assert len(train) + len(test) == 3
    with pytest.raises(ValueError, match="Expected images. Received: audio"):
        data.record_images(tmp_path / "p")


@pytest.mark.slow
def test_what_cannot_be_packed_or_opened(photos, tmp_path):
    with pytest.raises(ValueError, match="Expected folder:PATH to pack"):
        data.write_records("digits", tmp_path / "p")
    with pytest.raises(ValueError, match="does not exist or is empty"):
        data.write_records(f"folder:{photos}", photos)
    with pytest.raises(ValueError, match="at least 1. Received: shards=0"):
        data.write_records(f"folder:{photos}", tmp_path / "p", shards=0)
    with pytest.raises(ValueError, match="Received: name='a/b'"):
        data.write_records(f"folder:{photos}", tmp_path / "p", name="a/b")
    with pytest.raises(ValueError, match="without an index"):
        data.record_images(photos)
    for file in photos.rglob("*.*"):
        file.write_bytes(b"x")
    with pytest.raises(ValueError, match="None of the files can be used"):
        data.write_records(f"folder:{photos}", tmp_path / "p")
    assert not (tmp_path / "p").exists()
    assert [p.name for p in tmp_path.iterdir()] == ["photos"]
