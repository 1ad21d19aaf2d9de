# SPDX-License-Identifier: Apache-2.0
"""WAV files as libsndfile reads them, by TensorFlow's operations alone."""

import io
import struct

import numpy as np
import pytest
import tensorflow as tf

from cl_keras.data.sequences.recording import decode_recording
from cl_keras.preprocessing import wav
from cl_keras.preprocessing.resampling import resample

soundfile = pytest.importorskip("soundfile")
RNG = np.random.default_rng(0)
KINDS = ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE")


def written(samples, rate=16_000, subtype="PCM_16", form="WAV"):
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate, subtype=subtype, format=form)
    return buffer.getvalue()


def chunk(name, content):
    return name + struct.pack("<I", len(content)) + content + bytes(len(content) % 2)


def riff(*chunks):
    body = b"WAVE" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def head(kind=1, channels=1, rate=16_000, width=2):
    block = channels * width
    fields = (kind, channels, rate, rate * block, block, 8 * width)
    return chunk(b"fmt ", struct.pack("<HHIIHH", *fields))


PCM = RNG.integers(-(2**15), 2**15, 40).astype("<i2")
DATA = chunk(b"data", PCM.tobytes())


def decode(content, rate=16_000, **options):
    return wav.decode_wav(tf.constant(content), rate, **options).numpy()


@pytest.mark.parametrize("form", ["WAV", "WAVEX"])
@pytest.mark.parametrize("subtype", KINDS)
def test_every_depth_and_number_of_channels(subtype, form):
    for channels in (1, 2, 5):
        samples = RNG.uniform(-1, 1, (501, channels))
        content = written(samples, subtype=subtype, form=form)
        expected = decode_recording(content, 16_000)
        # Of one channel to the bit; a mean may be rounded otherwise.
        atol = 0 if channels == 1 else 2e-7
        np.testing.assert_allclose(decode(content), expected, rtol=0, atol=atol)


def test_extremes_of_each_depth():
    assert decode(riff(head(width=1), chunk(b"data", b"\x00\x80\xff"))).tolist() == [
        -1.0,
        0.0,
        127 / 128,
    ]
    low, high = b"\x00\x00\x80", b"\xff\xff\x7f"
    got = decode(riff(head(width=3), chunk(b"data", low + high)))
    assert got.tolist() == [-1.0, np.float32((2**23 - 1) / 2**23)]


def test_other_chunks_and_headers_that_streams_leave():
    expected = PCM.astype(np.float32) / 2**15
    listing = chunk(b"LIST", b"odd")  # Filled up to an even length.
    for content in (
        riff(listing, head(), chunk(b"junk", b""), DATA, listing),
        riff(head(), b"data" + struct.pack("<I", 0xFFFFFFFF) + PCM.tobytes()),
        riff(head(), b"data" + struct.pack("<I", 0) + PCM.tobytes()),
    ):
        np.testing.assert_array_equal(decode(content), expected)
    # Half a sample at the end is none.
    odd = riff(head(), chunk(b"data", PCM.tobytes() + b"\x01"))
    np.testing.assert_array_equal(decode(odd), expected)


BAD = {
    "nothing": b"",
    "noise": b"\x00noise" * 30,
    "no RIFF": b"RIFX" + riff(head(), DATA)[4:],
    "no WAVE": riff(head(), DATA).replace(b"WAVE", b"AVI "),
    "no format": riff(DATA),
    "format after data": riff(DATA, head()),
    "no data": riff(head()),
    "cut off": riff(head(), DATA)[:-2],
    "cut in the format": riff(head(), DATA)[:30],
    "no samples": riff(head(), chunk(b"data", b"")),
    "less than a sample": riff(head(), chunk(b"data", b"\x01")),
    "no channels": riff(head(channels=0), DATA),
    "no rate": riff(head(rate=0), DATA),
    "twelve bits": riff(head(width=0), DATA),
    "ADPCM": riff(head(kind=2), DATA),
    "GSM": riff(head(kind=49, width=1), DATA),
    "half floats": riff(head(kind=3), DATA),
    "five bytes": riff(head(width=5), DATA),
    "NaN": written(np.array([0.1, np.nan, 0.2]), subtype="FLOAT"),
    "infinity": written(np.array([0.1, np.inf, 0.2]), subtype="FLOAT"),
    "FLAC": written(np.zeros(100), form="FLAC"),
    "extensible, cut": riff(head(kind=0xFFFE)[:24] + b"", DATA)[:40],
    "chunks without end": riff(*[chunk(b"junk", b"")] * 5000, head(), DATA),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_recording_is_an_error(name):
    with pytest.raises(tf.errors.InvalidArgumentError):
        decode(BAD[name])


def test_a_recording_that_is_cut_off_is_called_so():
    with pytest.raises(tf.errors.InvalidArgumentError, match="all data"):
        decode(BAD["cut off"])


def test_longest_recording():
    content = written(RNG.uniform(-1, 1, 16_000))
    assert decode(content, max_seconds=1.0).shape == (16_000,)
    with pytest.raises(tf.errors.InvalidArgumentError, match="0.5 seconds"):
        decode(content, max_seconds=0.5)
    # At 1 Hz a few bytes would be hours.
    slow = riff(head(rate=1, width=1), chunk(b"data", bytes(100)))
    with pytest.raises(tf.errors.InvalidArgumentError, match="60 seconds"):
        decode(slow)


RATES = [
    (44_100, 16_000),
    (8_000, 16_000),
    (48_000, 16_000),
    (11_025, 16_000),
    (16_000, 48_000),
    (22_050, 8_000),
]


def tones(rate, count, frequencies):
    time = np.arange(count) / rate
    return sum(0.2 * np.sin(2 * np.pi * f * time + f) for f in frequencies)


@pytest.mark.parametrize(("given", "wanted"), RATES)
def test_resampled_tones_are_the_tones_at_the_other_rate(given, wanted):
    soxr = pytest.importorskip("soxr")
    half = min(given, wanted) / 2
    frequencies = (97.3, 0.3 * half, 0.6 * half, 0.87 * half)
    waveform = tones(given, given, frequencies).astype(np.float32)
    got = resample(tf.constant(waveform), tf.constant(given, tf.int64), wanted).numpy()
    inner = slice(wanted // 10, -wanted // 10)
    ideal = tones(wanted, wanted, frequencies)
    np.testing.assert_allclose(got[inner], ideal[inner], atol=1e-5)
    # And near what training resamples with, its ends too.
    reference = soxr.resample(waveform, given, wanted)
    assert got.shape == reference.shape
    np.testing.assert_allclose(got[inner], reference[inner], atol=3e-4)
    np.testing.assert_allclose(got, reference, atol=3e-2)


def test_what_would_fold_back_is_gone():
    waveform = tones(48_000, 48_000, (8_400,)).astype(np.float32)
    got = resample(tf.constant(waveform), tf.constant(48_000, tf.int64), 16_000)
    assert np.abs(got.numpy()[500:-500]).max() < 1e-5


@pytest.mark.parametrize("count", [1, 2, 7, 100, 4_411])
def test_as_many_samples_as_soxr(count):
    soxr = pytest.importorskip("soxr")
    for given, wanted in RATES:
        got = resample(tf.zeros(count), tf.constant(given, tf.int64), wanted)
        expected = soxr.resample(np.zeros(count, np.float32), given, wanted)
        assert got.shape == expected.shape


def test_rates_with_next_to_no_common_divisor_are_refused():
    with pytest.raises(tf.errors.InvalidArgumentError, match="16000 Hz"):
        resample(tf.zeros(100), tf.constant(44_056, tf.int64), 16_000)
    # The largest there is: nothing that takes long is computed.
    content = riff(head(rate=2**31 - 1), DATA)
    with pytest.raises(tf.errors.InvalidArgumentError):
        decode(content)
