# SPDX-License-Identifier: Apache-2.0
"""Bulk embedding of TFRecords and of recordings."""

import keras
import numpy as np
import pytest
import soundfile
import tensorflow as tf

from cl_keras import data, encoders, evaluate
from cl_keras.runs.features import read_features

pytest.importorskip("apache_beam")
pytest.importorskip("pyarrow")


def test_records_to_records(embed, rejected, example, encoder, tmp_path, paint):
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
    reasons = rejected(out)
    assert set(reasons) == {"a.tfrecord:5", "b.tfrecord.gz:5", "c.tfrecord:2"}
    assert reasons["a.tfrecord:5"] == "is no tf.train.Example"
    assert reasons["c.tfrecord:2"].startswith("this and all later records of the")
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


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:The encoder's sample rate is not known")
def test_recordings(embed, rejected, audio_encoder, tmp_path):
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
    reasons = rejected(out)
    assert reasons["2_cut.wav"] == "is cut off before its end"
    assert "cannot be decoded" in reasons["1_bad.wav"]


@pytest.mark.filterwarnings("ignore:The encoder's sample rate is not known")
@pytest.mark.slow
def test_packed_records_keep_ids_and_labels(
    embed, encoder, audio_encoder, photos, tmp_path
):
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


@pytest.mark.filterwarnings("ignore:The encoder's sample rate is not known")
def test_waveforms_of_a_fixed_length(embed, tmp_path):
    model = encoders.audio_conv((900,), channels=4, context=3)
    model.save(tmp_path / "fixed.keras")
    wave = np.random.default_rng(0).uniform(-0.5, 0.5, 900).astype("f4")
    (tmp_path / "speech").mkdir()
    soundfile.write(tmp_path / "speech" / "a.wav", wave, 8000)
    embed(tmp_path / "fixed.keras", tmp_path / "speech", tmp_path / "out")
    (found,) = read_features(tmp_path / "out").features
    read, _ = soundfile.read(tmp_path / "speech" / "a.wav", dtype="float32")
    np.testing.assert_allclose(found, model(read[None])[0], atol=1e-5)
