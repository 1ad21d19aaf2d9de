# SPDX-License-Identifier: Apache-2.0
"""Jobs of bulk embedding: finished, killed, restarted, mixed up, refused."""

import signal
import subprocess
import sys
import time
from collections import Counter

import keras
import numpy as np
import pytest

from cl_keras import encoders
from cl_keras.runs.features import read_features

pytest.importorskip("apache_beam")
parquet = pytest.importorskip("pyarrow.parquet")


def test_a_finished_job_is_not_done_again(embed, encoder, photos, tmp_path):
    out = tmp_path / "out::a"  # No URL of fsspec.
    first = embed(encoder, photos, out, shards=2)
    parts = {p.name: p.stat().st_mtime_ns for p in out.glob("part-*")}
    again = embed(encoder, photos, out, shards=2)
    assert again == {**first, "resumed_shards": 2}
    assert {p.name: p.stat().st_mtime_ns for p in out.glob("part-*")} == parts


@pytest.mark.filterwarnings("ignore:The encoder's sample rate is not known")
def test_another_job_does_not_mix_with_the_one_in_the_folder(
    embed, encoder, audio_encoder, photos, tmp_path, paint
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
def test_a_killed_job_goes_on_where_it_was(embed, encoder, tmp_path, paint):
    for index in range(200):
        paint(tmp_path / "many" / f"{index:03d}.png", index)
    out = tmp_path / "out"
    argv = [sys.executable, "-c", KILLED, str(encoder), str(tmp_path / "many"), out]
    process = subprocess.Popen(argv, stderr=subprocess.PIPE)
    notes = out / "_shards"
    deadline = time.monotonic() + 600
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


@pytest.mark.slow
def test_a_lost_part_is_made_again_and_alike(embed, encoder, photos, tmp_path):
    out = tmp_path / "out"
    embed(encoder, photos, out, shards=3)
    before = parquet.read_table(out)
    kept = (out / "part-00000-of-00003.parquet").stat().st_mtime_ns
    (out / "part-00001-of-00003.parquet").unlink()
    assert embed(encoder, photos, out, shards=3)["resumed_shards"] == 2
    assert parquet.read_table(out).equals(before)
    assert (out / "part-00000-of-00003.parquet").stat().st_mtime_ns == kept


@pytest.mark.slow
def test_without_beam_the_pip_line_is_named(
    embed, encoder, photos, tmp_path, monkeypatch
):
    monkeypatch.setitem(sys.modules, "apache_beam", None)
    monkeypatch.delitem(sys.modules, "apache_beam.utils.shared", raising=False)
    with pytest.raises(ImportError, match=r'pip install "cl-keras\[beam\]"'):
        embed(encoder, photos, tmp_path / "out")


def test_an_encoder_without_the_signature_is_refused_at_once(embed, photos, tmp_path):
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
def test_an_encoder_of_anything_else_is_refused_at_once(embed, make, photos, tmp_path):
    make().save(tmp_path / "other.keras")
    with pytest.raises(ValueError, match="images or waveforms"):
        embed(tmp_path / "other.keras", photos, tmp_path / "out")
