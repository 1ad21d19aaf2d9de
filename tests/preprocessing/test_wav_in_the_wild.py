# SPDX-License-Identifier: Apache-2.0
"""The same bytes in training and when served: one waveform, or an error in both."""

import io

import numpy as np
import pytest
import tensorflow as tf

from cl_keras import data
from cl_keras.data.sequences.recording import (
    decode_recording,
    read_recording,
    recording_header,
)
from cl_keras.preprocessing import wav, wav_header

soundfile = pytest.importorskip("soundfile", reason="needs the extra [audio]")
from fuzz.kinds.recordings import BAD, GOOD, PCM, RATE, RNG, chunk, head, riff, written

EXPECTED = PCM.astype(np.float32) / 2**15


def served(content, rate=RATE):
    return wav.decode_wav(tf.constant(content), rate).numpy()


@pytest.mark.parametrize("name", GOOD)
def test_headers(name, tmp_path):
    content = GOOD[name]
    np.testing.assert_array_equal(served(content), EXPECTED)
    np.testing.assert_array_equal(decode_recording(content, RATE), EXPECTED)
    (tmp_path / "a.wav").write_bytes(content)
    found = data.load_audio(tmp_path)
    np.testing.assert_array_equal(found.sequences[0], EXPECTED)
    assert not found.unserved


@pytest.mark.parametrize("name", BAD)
def test_what_neither_reads(name):
    with pytest.raises(tf.errors.InvalidArgumentError):
        served(BAD[name])
    with pytest.raises(ValueError, match="."):
        decode_recording(BAD[name], RATE)


@pytest.mark.parametrize("form", ["WAV", "WAVEX", "RF64"])
@pytest.mark.parametrize("samples", wav_header.SAMPLES.values())
def test_samples(samples, form):
    for channels in (1, 2, 6):
        content = written(samples, form, channels)
        whole, _ = soundfile.read(io.BytesIO(content), dtype="float32", always_2d=True)
        trained = decode_recording(content, RATE)
        np.testing.assert_allclose(trained, whole.mean(axis=1), atol=1e-7)
        atol = 0 if channels == 1 else 2e-7
        np.testing.assert_allclose(served(content), trained, rtol=0, atol=atol)


def test_all_codes_of_both_laws():
    codes = np.arange(256, dtype=np.uint8).tobytes()
    for kind in (wav_header.A_LAW, wav_header.MU_LAW):
        content = riff(head(kind, width=1), chunk(b"data", codes))
        whole, _ = soundfile.read(io.BytesIO(content), dtype="float32")
        np.testing.assert_array_equal(served(content), whole)
        np.testing.assert_array_equal(wav_header.expanded(kind), whole)


@pytest.mark.parametrize("rate", [8000, 11_025, 22_050, 44_100, 48_000])
def test_rates(rate):
    """Both resample: to as many samples, and the same but for the ends."""
    pytest.importorskip("soxr", reason="needs the extra [audio]")
    time = np.arange(rate // 2) / rate
    tone = 0.4 * np.sin(2 * np.pi * 440 * time)
    buffer = io.BytesIO()
    soundfile.write(buffer, np.stack([tone, tone / 2], 1), rate, "PCM_24", format="WAV")
    one, other = served(buffer.getvalue()), decode_recording(buffer.getvalue(), RATE)
    assert one.shape == other.shape
    np.testing.assert_allclose(one[200:-200], other[200:-200], atol=3e-4)


def test_what_training_alone_reads_is_named(tmp_path):
    forms = [("FLAC", "PCM_16"), ("OGG", "VORBIS"), ("MP3", "MPEG_LAYER_III")]
    forms += [("AIFF", "PCM_16"), ("WAV", "IMA_ADPCM")]
    for row, (form, subtype) in enumerate(forms):
        content = written(subtype, form)
        with pytest.raises(tf.errors.InvalidArgumentError):
            served(content)
        suffix = "wav" if form == "WAV" else form.lower()
        path = tmp_path / f"{row}.{suffix}"
        path.write_bytes(content)
        assert len(read_recording(path, RATE)) >= 400
        assert recording_header(path).unserved
    found = data.load_audio(tmp_path)
    assert found.unserved == {
        **{"FLAC": 1, "OGG": 1, "MP3": 1, "AIFF": 1},
        **{"WAV of IMA_ADPCM": 1},
    }
    for form, _ in forms[:-1]:
        assert form in wav.PREPROCESSING and form in wav_header.NOT_SERVED


def test_long_files_are_decoded_in_blocks(tmp_path):
    """The same samples as all at once, resampled too."""
    soxr = pytest.importorskip("soxr", reason="needs the extra [audio]")
    samples = RNG.uniform(-0.5, 0.5, (2**19 + 77, 2)).astype(np.float32)
    for name, subtype in (("a.wav", "FLOAT"), ("a.flac", "PCM_16")):
        soundfile.write(tmp_path / name, samples, 22_050, subtype)
        whole, _ = soundfile.read(tmp_path / name, dtype="float32")
        whole = whole.mean(axis=1)
        got = read_recording(tmp_path / name, 22_050)
        np.testing.assert_array_equal(got, whole)
        got = read_recording(tmp_path / name, 8_000)
        expected = soxr.resample(whole, 22_050, 8_000)
        np.testing.assert_allclose(got, expected, atol=1e-6)
