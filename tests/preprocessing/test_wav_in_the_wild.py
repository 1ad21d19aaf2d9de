# SPDX-License-Identifier: Apache-2.0
"""The same bytes in training and when served: one waveform, or an error in both."""

import io
import struct

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
RNG = np.random.default_rng(0)
RATE = 16_000
PCM = RNG.integers(-(2**15), 2**15, 400).astype("<i2")
EXPECTED = PCM.astype(np.float32) / 2**15
RAW = PCM.tobytes()


def chunk(name, content, size=None):
    size = len(content) if size is None else size
    return name + struct.pack("<I", size) + content + bytes(len(content) % 2)


def head(kind=1, channels=1, rate=RATE, width=2, extra=b""):
    block = channels * width
    fields = (kind, channels, rate, rate * block, block, 8 * width)
    return chunk(b"fmt ", struct.pack("<HHIIHH", *fields) + extra)


def riff(*chunks, size=None, name=b"RIFF"):
    body = b"WAVE" + b"".join(chunks)
    return name + struct.pack("<I", len(body) if size is None else size) + body


def stream(size, riff_size, more=b""):
    """As a program leaves it that cannot come back to the header."""
    return riff(head(), chunk(b"data", RAW, size) + more, size=riff_size)


def ds64(data_size):
    return chunk(b"ds64", struct.pack("<QQQI", 0, data_size, 0, 0))


def rf64(data_size, name=b"RF64"):
    body = (ds64(data_size), head(), chunk(b"data", RAW, 0xFFFFFFFF))
    return riff(*body, size=0xFFFFFFFF, name=name)


def extensible(kind=1, width=2):
    guid = struct.pack("<H", kind) + bytes.fromhex("000000001000800000aa00389b71")
    return head(0xFFFE, width=width, extra=struct.pack("<HHI", 22, 16, 4) + guid)


def written(subtype, form="WAV", channels=1, rate=RATE):
    buffer = io.BytesIO()
    samples = np.clip(RNG.normal(0, 0.3, (400, channels)), -1, 1)
    soundfile.write(buffer, samples, rate, subtype=subtype, format=form)
    return buffer.getvalue()


LIST = chunk(b"LIST", b"INFOISFT\x05\0\0\0abcde\0")
GOOD = {
    "plain": riff(head(), chunk(b"data", RAW)),
    "ffmpeg to a pipe": stream(0xFFFFFFFF, 0xFFFFFFFF),
    "sox to a pipe": stream(0x7FFFF000, 0x7FFFF024),
    "arecord to a pipe": stream(0x80000000, 0x80000024),
    "largest int": stream(0x7FFFFFFF, 0x7FFFFFFF),
    "largest int less the header": stream(0x7FFFFFFF - 36, 0x7FFFFFFF),
    "largest unsigned less the header": stream(0xFFFFFFFF - 36, 0xFFFFFFFF),
    "sizes of 0": stream(0, 0),
    "data of 0 in a RIFF of 36": stream(0, 36),
    "data of 0 in a RIFF of 8": stream(0, 8),
    "data of 0 in a right RIFF": stream(0, 36 + len(RAW)),
    "a wrong RIFF size": riff(head(), chunk(b"data", RAW), size=12),
    "RF64": rf64(len(RAW)),
    "RF64 to a pipe": rf64(0),
    "RF64 of no known size": rf64(2**64 - 1),
    "RF64 without sizes": riff(head(), chunk(b"data", RAW, 2**32 - 1), name=b"RF64"),
    "BW64": rf64(len(RAW), b"BW64"),
    "RF64 with a plain size": riff(ds64(0), head(), chunk(b"data", RAW), name=b"RF64"),
    "LIST before the format": riff(LIST, head(), chunk(b"data", RAW)),
    "broadcast WAV": riff(
        chunk(b"bext", bytes(602)),
        head(),
        chunk(b"fact", bytes(4)),
        chunk(b"data", RAW),
    ),
    "chunks of odd size": riff(
        chunk(b"id3 ", b"odd"), head(), chunk(b"data", RAW), chunk(b"cue ", b"odd")
    ),
    "chunks after the data": riff(head(), chunk(b"data", RAW), LIST, b"junk"),
    "half a sample more": riff(head(), chunk(b"data", RAW + b"\1")),
    "a format of 18 bytes": riff(head(extra=bytes(2)), chunk(b"data", RAW)),
    "extensible": riff(extensible(), chunk(b"data", RAW)),
}
BAD = {
    "nothing": b"",
    "noise": b"\0noise" * 30,
    "cut off": GOOD["plain"][:-100],
    "cut off, RF64": rf64(len(RAW) + 100),
    "a cut header": GOOD["plain"][:30],
    "no data": riff(head()),
    "no samples": riff(head(), chunk(b"data", b"")),
    "no samples, other chunks": riff(head(), chunk(b"data", b""), LIST),
    "less than a sample": riff(head(), chunk(b"data", b"\1")),
    "format after the data": riff(chunk(b"data", RAW), head()),
    "a format of 4 bytes": riff(chunk(b"fmt ", bytes(4)), chunk(b"data", RAW)),
    "no channels": riff(head(channels=0), chunk(b"data", RAW)),
    "no rate": riff(head(rate=0), chunk(b"data", RAW)),
    "half floats": riff(head(kind=3), chunk(b"data", RAW)),
    "NaN": riff(head(3, width=4), chunk(b"data", np.float32([0, np.nan]).tobytes())),
    "infinity": riff(head(3, width=8), chunk(b"data", np.float64([np.inf]).tobytes())),
}


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
