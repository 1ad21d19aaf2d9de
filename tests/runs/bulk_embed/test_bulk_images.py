# SPDX-License-Identifier: Apache-2.0
"""Bulk embedding of images: good ones once each, bad ones by name; URLs."""

import json
from pathlib import Path

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
parquet = pytest.importorskip("pyarrow.parquet")

from apache_beam.io.filesystem import FileMetadata
from apache_beam.io.localfilesystem import LocalFileSystem


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
        str(photos / "red" / "later.heic"),
    }
    assert reasons["red/4a.png"] == "Expected a JPEG, PNG, GIF, BMP or WebP file."
    assert reasons["red/empty.png"] == "an empty file"
    assert "heic is not supported" in reasons[str(photos / "red" / "later.heic")]
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


def test_urls(embed, example, encoder, photos, tmp_path):
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
