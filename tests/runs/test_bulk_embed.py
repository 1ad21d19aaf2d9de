# SPDX-License-Identifier: Apache-2.0
"""Bulk embedding on Beam's direct runner: real files, broken ones, kills, restarts."""

import json
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import keras
import numpy as np
import pytest
import soundfile
import tensorflow as tf
from PIL import Image
from typer.testing import CliRunner

from cl_keras import data, encoders, evaluate, export, runs
from cl_keras.cli import app
from cl_keras.runs.features import read_features

pytest.importorskip("apache_beam")
parquet = pytest.importorskip("pyarrow.parquet")

from apache_beam.io.filesystem import FileMetadata
from apache_beam.io.localfilesystem import LocalFileSystem


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    path = tmp_path_factory.mktemp("encoder") / "conv.keras"
    keras.utils.set_random_seed(1)
    inputs = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(5, 3, activation="relu")(inputs)
    keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(x)).save(path)
    return path


@pytest.fixture(scope="module")
def audio_encoder(tmp_path_factory):
    path = tmp_path_factory.mktemp("encoder") / "audio.keras"
    encoders.audio_conv(channels=4, context=3).save(path)
    return path


@pytest.fixture
def photos(tmp_path, paint):
    folder = tmp_path / "photos"
    for index in range(9):
        paint(folder / "red" / f"{index}.png", index, size=(8, 8 + index))
        paint(folder / "blue" / "deep" / f"{index}.jpg", 100 + index, size=(20, 9))
    whole = (folder / "blue" / "deep" / "3.jpg").read_bytes()
    (folder / "blue" / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    (folder / "red" / "4a.png").write_bytes(b"no image")
    (folder / "red" / "empty.png").write_bytes(b"")
    (folder / "red" / "later.webp").write_bytes(whole)
    return folder


def embed(encoder, source, out, **options):
    return runs.embed_in_bulk(str(encoder), str(source), out=str(out), **options)


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_good_images_once_each_and_bad_ones_by_name(encoder, photos, tmp_path):
    out = tmp_path / "out"
    result = embed(encoder, photos, out, shards=3, batch_size=5)
    assert (result["rows"], result["rejected_rows"]) == (18, 3)
    assert (result["skipped_files"], result["dimensions"]) == (1, 5)
    found = read_features(out)
    with pytest.warns(UserWarning, match="Skipped 4 of 22"):
        loaded = data.load(f"folder:{photos}", image_size=8)
    model = keras.saving.load_model(encoder)
    expected = evaluate.embed(model, loaded.images)
    assert found.ids.tolist() == list(loaded.ids)
    np.testing.assert_allclose(found.features, expected, atol=1e-5)
    np.testing.assert_array_equal(found.labels["label"], loaded.labels)
    assert found.label_text(0) == "blue" and found.facts["root"] == str(photos)
    reasons = {row["id"]: row["reason"] for row in lines(out / "_rejected.jsonl")}
    assert set(reasons) == {
        *("blue/cut.jpg", "red/4a.png", "red/empty.png"),
        str(photos / "red" / "later.webp"),
    }
    assert "Unknown image file format" in reasons["red/4a.png"]
    assert reasons["red/empty.png"] == "an empty file"
    assert "webp is not supported" in reasons[str(photos / "red" / "later.webp")]
    # Any Parquet reader takes the folder as one table; nothing else is left behind.
    assert parquet.read_table(out)["class"].to_pylist() == ["blue"] * 9 + ["red"] * 9
    assert sorted(p.name for p in out.iterdir()) == [
        *("_SUCCESS", "_plan.json", "_rejected.jsonl", "_shards"),
        *(f"part-0000{n}-of-00003.parquet" for n in range(3)),
    ]


def test_a_finished_job_is_not_done_again(encoder, photos, tmp_path):
    out = tmp_path / "out"
    first = embed(encoder, photos, out, shards=2)
    parts = {p.name: p.stat().st_mtime_ns for p in out.glob("part-*")}
    again = embed(encoder, photos, out, shards=2)
    assert again == {**first, "resumed_shards": 2}
    assert {p.name: p.stat().st_mtime_ns for p in out.glob("part-*")} == parts


def test_another_job_does_not_mix_with_the_one_in_the_folder(
    encoder, audio_encoder, photos, tmp_path, paint
):
    out = tmp_path / "out"
    embed(encoder, photos, out, shards=2)
    with pytest.raises(ValueError, match="differs in: shards"):
        embed(encoder, photos, out, shards=3)
    with pytest.raises(ValueError, match="differs in: output"):
        embed(encoder, photos, out, shards=2, output="tfrecord")
    paint(photos / "red" / "new.png", 5)
    with pytest.raises(ValueError, match="other files or labels"):
        embed(encoder, photos, out, shards=2)
    (photos / "red" / "new.png").unlink()
    model = keras.saving.load_model(encoder)
    model.layers[1].bias.assign_add(np.ones(5))
    model.save(tmp_path / "other.keras")
    with pytest.raises(ValueError, match="another encoder"):
        embed(tmp_path / "other.keras", photos, out, shards=2)
    with pytest.raises(ValueError, match="a folder that does not exist or is empty"):
        embed(encoder, photos, photos, shards=2)
    with pytest.raises(ValueError, match="Unknown runner 'flnk'.*flink"):
        embed(encoder, photos, tmp_path / "x", runner="flnk")
    with pytest.raises(ValueError, match="takes waveforms"):
        embed(audio_encoder, photos, tmp_path / "x")
    with pytest.raises(ValueError, match="Expected a folder or TFRecords"):
        embed(encoder, "digits", tmp_path / "x")
    with pytest.raises(ValueError, match="--name=value. Received: 'x'"):
        embed(encoder, photos, tmp_path / "x", runner_options=["x"])
    for bad in (photos / "red").iterdir():
        bad.write_bytes(b"x")
    with pytest.raises(ValueError, match="None of the examples can be used"):
        embed(encoder, photos / "red", tmp_path / "none")
    assert not (tmp_path / "none" / "_SUCCESS").exists()


KILLED = """
import sys
from cl_keras import runs
runs.embed_in_bulk(*sys.argv[1:3], out=sys.argv[3], shards=8, batch_size=1)
"""


@pytest.mark.slow
def test_a_killed_job_goes_on_where_it_was(encoder, tmp_path, paint):
    for index in range(200):
        paint(tmp_path / "many" / f"{index:03d}.png", index)
    out = tmp_path / "out"
    argv = [sys.executable, "-c", KILLED, str(encoder), str(tmp_path / "many"), out]
    process = subprocess.Popen(argv, stderr=subprocess.PIPE)
    notes = out / "_shards"
    deadline = time.monotonic() + 120
    while not (notes.is_dir() and any(notes.glob("*.json"))):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stderr.close()
    finished = {p.stem: p.stat().st_mtime_ns for p in notes.glob("*.json")}
    assert 1 <= len(finished) < 8 and not (out / "_SUCCESS").exists()
    with pytest.raises(ValueError, match="finished job"):
        read_features(out)
    result = embed(encoder, tmp_path / "many", out, shards=8, batch_size=1)
    assert result["resumed_shards"] == len(finished) and result["rows"] == 200
    for name, before in finished.items():
        assert (notes / f"{name}.json").stat().st_mtime_ns == before
    found = read_features(out)
    assert Counter(found.ids) == Counter(f"{index:03d}.png" for index in range(200))
    assert not [p for p in out.iterdir() if p.name.startswith(("_temp", "_model"))]


def test_a_lost_part_is_made_again_and_alike(encoder, photos, tmp_path):
    out = tmp_path / "out"
    embed(encoder, photos, out, shards=3)
    before = parquet.read_table(out)
    kept = (out / "part-00000-of-00003.parquet").stat().st_mtime_ns
    (out / "part-00001-of-00003.parquet").unlink()
    assert embed(encoder, photos, out, shards=3)["resumed_shards"] == 2
    assert parquet.read_table(out).equals(before)
    assert (out / "part-00000-of-00003.parquet").stat().st_mtime_ns == kept


def example(content, label=None, text=None):
    def raw(value):
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))

    features = {"image/encoded": raw(content)}
    if label is not None:
        features["label"] = tf.train.Feature(
            int64_list=tf.train.Int64List(value=[label])
        )
    if text is not None:
        features["class_name"] = raw(text.encode())
    features = tf.train.Features(feature=features)
    return tf.train.Example(features=features).SerializeToString()


def test_records_to_records(encoder, tmp_path, paint):
    folder = tmp_path / "records"
    folder.mkdir()
    pngs = []
    for shard, compression in (("a.tfrecord", ""), ("b.tfrecord.gz", "GZIP")):
        with tf.io.TFRecordWriter(str(folder / shard), compression) as writer:
            for index in range(5):
                paint(tmp_path / "x.png", len(pngs))
                pngs.append((tmp_path / "x.png").read_bytes())
                writer.write(example(pngs[-1], index % 2, "ab"[index % 2]))
            writer.write(b"no example")
    content = (folder / "a.tfrecord").read_bytes()
    (folder / "c.tfrecord").write_bytes(content[: len(content) // 2])
    out = tmp_path / "out"
    result = embed(encoder, folder, out, output="tfrecord", batch_size=4)
    assert result["shards"] == 3 and result["rows"] == 12
    rejected = {row["id"]: row["reason"] for row in lines(out / "_rejected.jsonl")}
    assert set(rejected) == {"a.tfrecord:5", "b.tfrecord.gz:5", "c.tfrecord:2"}
    assert rejected["a.tfrecord:5"] == "is no tf.train.Example"
    assert rejected["c.tfrecord:2"].startswith("this and all later records of the")
    rows = {}
    for record in tf.data.TFRecordDataset(sorted(map(str, out.glob("part-*")))):
        feature = tf.train.Example.FromString(record.numpy()).features.feature
        rows[feature["id"].bytes_list.value[0].decode()] = feature
    images = np.stack([tf.io.decode_png(png).numpy() for png in pngs])
    expected = evaluate.embed(keras.saving.load_model(encoder), images)
    for row, vector in enumerate(expected):
        name = f"{'a.tfrecord' if row < 5 else 'b.tfrecord.gz'}:{row % 5}"
        found = rows[name]["features"].float_list.value
        np.testing.assert_allclose(found, vector, atol=1e-5)
        assert rows[name]["label"].int64_list.value[0] == row % 5 % 2
        assert rows[name]["class"].bytes_list.value[0] == b"ab"[row % 5 % 2 :][:1]
    embed(encoder, folder, tmp_path / "p")
    assert read_features(tmp_path / "p").labels["label"].tolist()[:5] == [0, 1, 0, 1, 0]


def test_recordings(audio_encoder, tmp_path):
    folder = tmp_path / "speech"
    folder.mkdir()
    rng = np.random.default_rng(0)
    # The last has less than one frame.
    names = ("7_theo", "3_theo", "3_lucas", "9_nina", "8_eva")
    for name, length in zip(names, (900, 800, 900, 1777, 3), strict=True):
        wave = rng.uniform(-0.5, 0.5, length).astype("f4")
        rate = 16_000 if name == "9_nina" else 8000
        soundfile.write(folder / f"{name}.wav", wave, rate)
    (folder / "1_bad.wav").write_bytes(b"RIFF")
    content = (folder / "7_theo.wav").read_bytes()
    (folder / "2_cut.wav").write_bytes(content[:500])
    pattern = r"(?P<digit>\d)_(?P<speaker>[a-z]+)"
    out = tmp_path / "out"
    embed(audio_encoder, folder, out, pattern=pattern, shards=2)
    found = read_features(out)
    with pytest.warns(UserWarning, match="Skipped 2"):
        loaded = data.load(f"folder:{folder}", pattern=pattern)
    model = keras.saving.load_model(audio_encoder)
    expected = evaluate.embed_sequences(model, loaded.sequences)
    np.testing.assert_allclose(found.features, expected, atol=1e-5)
    assert found.ids.tolist() == list(loaded.ids)
    assert found.label_text(0) == "digit 3, speaker lucas"
    assert found.facts["sample_rate"] == 8000
    reasons = {row["id"]: row["reason"] for row in lines(out / "_rejected.jsonl")}
    assert reasons["2_cut.wav"] == "is cut off before its end"
    assert "cannot be decoded" in reasons["1_bad.wav"]


def test_packed_records_keep_ids_and_labels(encoder, audio_encoder, photos, tmp_path):
    with pytest.warns(UserWarning, match="Skipped 4 of 22"):
        data.write_records(f"folder:{photos}", tmp_path / "packed", shards=3)
    embed(encoder, photos, tmp_path / "a")
    result = embed(encoder, tmp_path / "packed", tmp_path / "b", shards=2)
    assert (result["shards"], result["rejected_rows"]) == (2, 0)
    plain, records = read_features(tmp_path / "a"), read_features(tmp_path / "b")
    assert records.ids.tolist() == plain.ids.tolist()
    np.testing.assert_array_equal(records.labels["label"], plain.labels["label"])
    assert records.class_names == plain.class_names
    np.testing.assert_allclose(records.features, plain.features, atol=1e-6)
    folder = tmp_path / "speech"
    folder.mkdir()
    for name in ("7_theo", "3_lucas"):
        soundfile.write(folder / f"{name}.wav", np.ones(90, "f4") / 3, 8000)
    pattern = r"(?P<digit>\d)_(?P<speaker>[a-z]+)"
    data.write_records(f"folder:{folder}", tmp_path / "wavs", pattern=pattern)
    embed(audio_encoder, tmp_path / "wavs", tmp_path / "c")
    found = read_features(tmp_path / "c")
    assert found.label_text(1) == "digit 7, speaker theo"
    assert found.facts["sample_rate"] == 8000


def test_the_command(encoder, photos, tmp_path):
    out = str(tmp_path / "out")
    argv = ["embed", str(encoder), str(photos), "--out", out, "--json"]
    run = CliRunner().invoke
    found = run(
        app, [*argv, "--runner", "direct", "--format", "tfrecord", "--shards=2"]
    )
    result = json.loads(found.stdout)
    assert result["rows"] == 18 and result["shards"] == 2
    assert len(list((tmp_path / "out").glob("*.tfrecord"))) == 2
    refused = run(app, [*argv, "--shards", "2"])
    assert str(refused.exception) == "--shards: only with --runner."
    packed = run(
        app, ["pack", str(photos), str(tmp_path / "p"), "--shards=2", "--json"]
    )
    result = json.loads(packed.stdout)
    assert (result["records"], result["skipped_files"]) == (18, 4)
    assert result["data"] == f"tfrecord:{tmp_path / 'p'}"


PREFIX = "elsewhere:/"


class Elsewhere(LocalFileSystem):
    """Local files under a URL, as a file system of another machine would be."""

    @classmethod
    def scheme(cls):
        return "elsewhere"

    def create(self, path, *args, **options):
        return super().create(path.removeprefix(PREFIX), *args, **options)

    def open(self, path, *args, **options):
        return super().open(path.removeprefix(PREFIX), *args, **options)

    def exists(self, path):
        return super().exists(path.removeprefix(PREFIX))

    def _list(self, path):
        for file in super()._list(path.removeprefix(PREFIX)):
            yield FileMetadata(PREFIX + file.path, file.size_in_bytes)

    def rename(self, old, new):
        new = [Path(path.removeprefix(PREFIX)) for path in new]
        for path in new:
            path.parent.mkdir(parents=True, exist_ok=True)
        super().rename([path.removeprefix(PREFIX) for path in old], new)

    def delete(self, paths):
        super().delete([path.removeprefix(PREFIX) for path in paths])


def test_urls(encoder, photos, tmp_path):
    saved = export.saved_model(keras.saving.load_model(encoder), tmp_path / "serving")
    out = f"{PREFIX}{tmp_path}/out"
    result = embed(saved.parent, f"folder:{PREFIX}{photos}", out, shards=2)
    assert result["rows"] == 18 and result["rejected_rows"] == 3
    embed(saved, photos, tmp_path / "local", shards=2)
    here, there = read_features(tmp_path / "local"), read_features(tmp_path / "out")
    np.testing.assert_array_equal(here.features, there.features)
    assert here.ids.tolist() == there.ids.tolist()
    assert here.label_text(0) == there.label_text(0) == "blue"
    with tf.io.TFRecordWriter(str(tmp_path / "records.tfrecord")) as writer:
        for name in here.ids:
            writer.write(example((photos / name).read_bytes()))
    embed(saved, f"tfrecord:{PREFIX}{tmp_path}/*.tfrecord", f"{out}2")
    third = read_features(tmp_path / "out2")
    np.testing.assert_allclose(here.features, third.features, atol=1e-6)


def test_features_that_are_no_numbers_are_named(tmp_path, paint):
    inputs = keras.Input((8, 8, 3))
    pooled = keras.layers.GlobalAveragePooling2D()(inputs)
    model = keras.Model(inputs, keras.ops.log(pooled))
    model.save(tmp_path / "log.keras")
    paint(tmp_path / "set" / "a.png", 0)
    Image.new("RGB", (8, 8)).save(tmp_path / "set" / "black.png")
    result = embed(tmp_path / "log.keras", tmp_path / "set", tmp_path / "out")
    assert (result["rows"], result["rejected_rows"]) == (1, 1)
    (row,) = lines(tmp_path / "out" / "_rejected.jsonl")
    assert row["id"] == "black.png" and "NaN or infinite" in row["reason"]


def test_without_beam_the_pip_line_is_named(encoder, photos, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "apache_beam", None)
    monkeypatch.delitem(sys.modules, "apache_beam.utils.shared", raising=False)
    with pytest.raises(ImportError, match=r'pip install "cl-keras\[beam\]"'):
        embed(encoder, photos, tmp_path / "out")


def test_an_encoder_without_the_signature_is_refused_at_once(photos, tmp_path):
    inputs = keras.Input((8, 8, 2))
    model = keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(inputs))
    model.save(tmp_path / "two.keras")
    with pytest.raises(ValueError, match="1 or 3 channels"):
        embed(tmp_path / "two.keras", photos, tmp_path / "out")


@pytest.mark.parametrize(
    "make",
    [
        lambda: encoders.vector_sequence((None, 3), channels=4, context=3),
        lambda: encoders.gcn((4,), units=[2]),
    ],
)
def test_an_encoder_of_anything_else_is_refused_at_once(make, photos, tmp_path):
    make().save(tmp_path / "other.keras")
    with pytest.raises(ValueError, match="images or waveforms"):
        embed(tmp_path / "other.keras", photos, tmp_path / "out")


def test_waveforms_of_a_fixed_length(tmp_path):
    model = encoders.audio_conv((900,), channels=4, context=3)
    model.save(tmp_path / "fixed.keras")
    wave = np.random.default_rng(0).uniform(-0.5, 0.5, 900).astype("f4")
    (tmp_path / "speech").mkdir()
    soundfile.write(tmp_path / "speech" / "a.wav", wave, 8000)
    embed(tmp_path / "fixed.keras", tmp_path / "speech", tmp_path / "out")
    (found,) = read_features(tmp_path / "out").features
    read, _ = soundfile.read(tmp_path / "speech" / "a.wav", dtype="float32")
    np.testing.assert_allclose(found, model(read[None])[0], atol=1e-5)
