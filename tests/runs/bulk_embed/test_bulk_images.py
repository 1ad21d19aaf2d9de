# SPDX-License-Identifier: Apache-2.0
"""Bulk embedding of images: good ones once each, bad ones by name; URLs."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from typer.testing import CliRunner

from cl_keras import data, evaluate, export
from cl_keras.cli import app
from cl_keras.runs.features import read_features

pytest.importorskip("apache_beam")
fsspec = pytest.importorskip("fsspec")
parquet = pytest.importorskip("pyarrow.parquet")


@pytest.mark.slow
def test_good_images_once_each_and_bad_ones_by_name(
    embed, rejected, encoder, photos, tmp_path
):
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
    reasons = rejected(out)
    assert set(reasons) == {
        *("blue/cut.jpg", "red/4a.png", "red/empty.png"),
        str(photos / "red" / "later.jxl"),
    }
    assert reasons["red/4a.png"] == "Expected a JPEG, PNG, GIF, BMP or WebP file."
    assert reasons["red/empty.png"] == "an empty file"
    assert "jxl is not supported" in reasons[str(photos / "red" / "later.jxl")]
    # Any Parquet reader takes the folder as one table; nothing else is left behind.
    assert parquet.read_table(out)["class"].to_pylist() == ["blue"] * 9 + ["red"] * 9
    assert sorted(p.name for p in out.iterdir()) == [
        *("_SUCCESS", "_plan.json", "_rejected.jsonl", "_shards"),
        *(f"part-0000{n}-of-00003.parquet" for n in range(3)),
    ]


@pytest.mark.slow
def test_features_that_are_no_numbers_are_named(embed, rejected, tmp_path, paint):
    inputs = keras.Input((8, 8, 3))
    pooled = keras.layers.GlobalAveragePooling2D()(inputs)
    model = keras.Model(inputs, keras.ops.log(pooled))
    model.save(tmp_path / "log.keras")
    paint(tmp_path / "set" / "a.png", 0)
    Image.new("RGB", (8, 8)).save(tmp_path / "set" / "black.png")
    result = embed(tmp_path / "log.keras", tmp_path / "set", tmp_path / "out")
    assert (result["rows"], result["rejected_rows"]) == (1, 1)
    ((name, reason),) = rejected(tmp_path / "out").items()
    assert name == "black.png" and "NaN or infinite" in reason


def test_urls(embed, example, encoder, photos, tmp_path):
    """Files that only fsspec finds: those in its memory."""
    memory = fsspec.filesystem("memory")
    memory.put(str(photos), "/photos", recursive=True)
    saved = export.saved_model(keras.saving.load_model(encoder), tmp_path / "serving")
    result = embed(saved.parent, "folder:memory://photos", "memory://out", shards=2)
    assert result["rows"] == 18 and result["rejected_rows"] == 3
    assert result["features"] == "memory://out"
    memory.get("/out", str(tmp_path / "out"), recursive=True)
    embed(saved, photos, tmp_path / "local", shards=2)
    here, there = read_features(tmp_path / "local"), read_features(tmp_path / "out")
    np.testing.assert_array_equal(here.features, there.features)
    assert here.ids.tolist() == there.ids.tolist()
    assert here.label_text(0) == there.label_text(0) == "blue"
    with tf.io.TFRecordWriter(str(tmp_path / "records.tfrecord")) as writer:
        for name in here.ids:
            writer.write(example((photos / name).read_bytes()))
    memory.put(str(tmp_path / "records.tfrecord"), "/records/a.tfrecord")
    embed(saved, "tfrecord:memory://records/*.tfrecord", "memory://out2")
    memory.get("/out2", str(tmp_path / "out2"), recursive=True)
    third = read_features(tmp_path / "out2")
    np.testing.assert_allclose(here.features, third.features, atol=1e-6)


@pytest.mark.slow
def test_photographs_that_no_server_reads(embed, rejected, encoder, tmp_path):
    heif = pytest.importorskip("pillow_heif")
    folder = tmp_path / "photos"
    folder.mkdir()
    image = Image.fromarray(np.arange(12 * 10 * 3, dtype=np.uint8).reshape(12, 10, 3))
    for name in ("a.tiff", "b.avif", "c.png"):
        image.save(folder / name)
    heif.from_pillow(image).save(folder / "d.heic")
    (folder / "e.heic").write_bytes((folder / "d.heic").read_bytes()[:300])
    embed(encoder, folder, tmp_path / "out", shards=1)
    with pytest.warns(UserWarning, match="Skipped 1 of 5"):
        loaded = data.load(f"folder:{folder}", image_size=8)
    model = keras.saving.load_model(encoder)
    found = read_features(tmp_path / "out")
    assert found.ids.tolist() == list(loaded.ids)
    expected = evaluate.embed(model, loaded.images)
    np.testing.assert_allclose(found.features, expected, atol=1e-5)
    assert "HEIC that cannot be decoded" in rejected(tmp_path / "out")["e.heic"]


@pytest.mark.filterwarnings("ignore:Skipped")
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
