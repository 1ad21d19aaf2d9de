# SPDX-License-Identifier: Apache-2.0
import struct
import warnings
import wave

import numpy as np
import pytest
import soundfile

from cl_keras import data

PATTERN = r"^(?P<digit>\d)_(?P<speaker>[a-z]+)_(?P<index>\d+)$"


def tone(samples=800, rate=8000, pitch=440.0):
    return (0.5 * np.sin(2 * np.pi * pitch * np.arange(samples) / rate)).astype("f4")


def write(path, samples, rate=8000, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, rate, **options)
    return path


@pytest.mark.parametrize(
    ("suffix", "tolerance"), [(".wav", 1e-4), (".flac", 1e-4), (".ogg", 0.1)]
)
def test_formats(tmp_path, suffix, tolerance):
    write(tmp_path / f"a{suffix}", tone())
    got = data.load_audio(tmp_path)
    assert (len(got), got.sample_rate, got.labels) == (1, 8000, None)
    assert got.sequences[0].dtype == np.float32 and got.shape == (None,)
    np.testing.assert_allclose(got.sequences[0], tone(), atol=tolerance)


def test_the_standard_librarys_wav_has_the_known_values(tmp_path):
    with wave.open(str(tmp_path / "a.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(struct.pack("<4h", 0, 16384, -32768, 1))
    got = data.load_audio(tmp_path).sequences[0]
    np.testing.assert_array_equal(got, np.float32([0, 0.5, -1, 1 / 32768]))


def test_stereo_is_mixed_down(tmp_path):
    write(tmp_path / "a.wav", np.stack([tone(), np.zeros(800, "f4")], 1))
    np.testing.assert_allclose(
        data.load_audio(tmp_path).sequences[0], tone() / 2, atol=1e-4
    )


def test_other_rates_are_resampled_to_that_of_most_files(tmp_path):
    write(tmp_path / "a.wav", tone())
    write(tmp_path / "b.wav", tone())
    write(tmp_path / "c.wav", tone(4410, 44100), 44100)
    got = data.load_audio(tmp_path)
    assert got.sample_rate == 8000 and got.lengths.tolist() == [800, 800, 800]
    middle = slice(100, 700)
    np.testing.assert_allclose(got.sequences[2][middle], tone()[middle], atol=0.01)
    assert data.load_audio(tmp_path, sample_rate=4000).lengths.tolist() == [400] * 3


def test_class_folders_give_labels(tmp_path):
    for name in ("b/1.wav", "a/2.wav", "a/deep/3.wav"):
        write(tmp_path / name, tone())
    got = data.load_audio(tmp_path)
    assert got.labels.tolist() == [0, 0, 1] and got.class_names == ("a", "b")


def test_file_names_give_labels(tmp_path):
    for name in ("3_theo_10", "0_theo_2", "3_jackson_9", "notes"):
        write(tmp_path / "recordings" / f"{name}.wav", tone())
    with pytest.warns(UserWarning, match="Skipped 1 of 4 files"):
        got = data.load_audio(tmp_path, pattern=PATTERN)
    assert "notes.wav (its name does not match the pattern)" in got.skipped[0]
    names = {
        kind: [got.class_names[kind][label] for label in got.labels[kind]]
        for kind in got.labels
    }
    assert names == {
        "digit": ["0", "3", "3"],
        "speaker": ["theo", "jackson", "theo"],
        "index": ["2", "9", "10"],
    }
    assert got.class_names["index"] == ("2", "9", "10")  # Numbers, not texts.
    assert got.labelled("speaker").labels.tolist() == [1, 0, 1]
    assert got.labelled("speaker").class_names == ("jackson", "theo")
    with pytest.raises(ValueError, match="Did you mean 'speaker'"):
        got.labelled("speakers")


def test_bad_files_are_skipped_named_and_counted(tmp_path):
    good = write(tmp_path / "good.wav", tone()).read_bytes()
    (tmp_path / "empty.wav").write_bytes(b"")
    write(tmp_path / "silent.wav", np.zeros(0, "f4"))
    (tmp_path / "cut.wav").write_bytes(good[:-100])
    (tmp_path / "head.wav").write_bytes(good[:20])
    (tmp_path / "noise.wav").write_bytes(b"no sound at all" * 20)
    (tmp_path / "renamed.flac").write_bytes(good[: len(good) // 2])
    flac = write(tmp_path / "cut.flac", np.tile(tone(), 50)).read_bytes()
    (tmp_path / "cut.flac").write_bytes(flac[: len(flac) // 2])
    write(tmp_path / "nan.wav", tone() * np.nan, subtype="FLOAT")
    (tmp_path / "song.m4a").write_bytes(b"ftyp")
    (tmp_path / "readme.txt").write_text("not looked at")
    with pytest.warns(UserWarning, match="Skipped 9 of 10 files"):
        got = data.load_audio(tmp_path)
    np.testing.assert_allclose(got.sequences[0], tone(), atol=1e-4)
    reasons = {
        text.split(" (")[0].rpartition("/")[2]: text.split(" (")[1]
        for text in got.skipped
    }
    expected = {
        "empty.wav": "an empty file",
        "silent.wav": "holds no samples",
        "cut.wav": "cut off",
        "head.wav": "cannot be decoded",
        "noise.wav": "cannot be decoded",
        "renamed.flac": "cut off",
        "cut.flac": "",
        "nan.wav": "NaN",
        "song.m4a": ".m4a is not supported; convert it to WAV or FLAC",
    }
    assert set(reasons) == set(expected)
    for name, words in expected.items():
        assert words in reasons[name], (name, reasons[name])


def test_a_size_left_open_by_a_streaming_writer_is_no_cut(tmp_path):
    content = bytearray(write(tmp_path / "a.wav", tone()).read_bytes())
    place = content.index(b"data") + 4
    content[place : place + 4] = b"\xff" * 4
    (tmp_path / "a.wav").write_bytes(content)
    assert len(data.load_audio(tmp_path).sequences[0]) == 800


def test_unusable_folders_are_named(tmp_path):
    with pytest.raises(ValueError, match="Expected a folder"):
        data.load_audio(tmp_path / "missing")
    with pytest.raises(ValueError, match="Found no recording"):
        data.load_audio(tmp_path)
    (tmp_path / "a.wav").write_bytes(b"RIFF")
    with pytest.raises(ValueError, match="None of the 1 recordings"):
        data.load_audio(tmp_path)
    write(tmp_path / "b.wav", tone())
    with pytest.raises(ValueError, match="more than the limit"):
        data.load_audio(tmp_path, max_bytes=1000)
    with pytest.raises(ValueError, match="sample_rate=0"):
        data.load_audio(tmp_path, sample_rate=0)
    with pytest.raises(ValueError, match="named group"):
        data.load_audio(tmp_path, pattern="b")
    with pytest.raises(ValueError, match="no regular expression"):
        data.load_audio(tmp_path, pattern="(?P<x>")


def test_parts_may_have_classes_of_their_own(tmp_path):
    pattern = r"(?P<digit>\d)_(?P<index>\d+)"
    for name in ("train/0_5", "train/1_16", "test/0_0", "test/1_6"):
        path = tmp_path / f"{name}.wav"
        path.parent.mkdir(exist_ok=True)
        soundfile.write(path, np.zeros(800, np.float32), 8000)
    spec = f"folder:{tmp_path}"
    with pytest.raises(ValueError, match=r"audio data: data\.load_sequence_splits"):
        data.load_splits(spec)
    with pytest.warns(UserWarning, match="no example of 2 of the 2 classes.*0, 6"):
        train, test = data.load_sequence_splits(spec, pattern=pattern)
    assert train.class_names == test.class_names
    assert train.class_names["index"] == ("0", "5", "6", "16")
    assert train.labels["index"].tolist() == [1, 3]
    assert test.labels["index"].tolist() == [0, 2]
    assert test.labels["digit"].tolist() == [0, 1]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        data.load_sequence_splits(spec, pattern=pattern, label="digit")
    with pytest.warns(UserWarning, match="no example of 2 of the 2 classes"):
        data.load_sequence_splits(spec, pattern=pattern, label="index")
