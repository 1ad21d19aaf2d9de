# SPDX-License-Identifier: Apache-2.0
"""WAV files to embeddings, through the loader that a server uses."""

import struct

import keras
import numpy as np
import pytest
import tensorflow as tf

from cl_keras import artifact, encoders, export
from cl_keras.export import probes
from cl_keras.export.conformance.loading import load_session
from cl_keras.export.signatures.audio_bytes import shortest
from cl_keras.export.signatures.features import encoding
from cl_keras.preprocessing import wav
from cl_keras.specification import specification

RATE = 16_000
RNG = np.random.default_rng(0)


def files(*waveforms, rate=RATE):
    return np.array([probes.wav(w, rate) for w in waveforms], dtype=object)


def noise(samples):
    return RNG.integers(-(2**14), 2**14, samples).astype("<i2")


def floats(pcm):
    return pcm.astype(np.float32)[np.newaxis] / 2**15


@pytest.fixture(scope="module")
def model():
    """With the frames of `encoders.audio_conv`, and without its recurrence."""
    keras.utils.set_random_seed(1)
    inputs = keras.Input((None,))
    x = keras.layers.Reshape((-1, 1))(inputs)
    x = keras.layers.Conv1D(10, 465, 160, activation="tanh", bias_initializer="ones")(x)
    return keras.Model(inputs, keras.layers.GlobalAveragePooling1D()(x))


@pytest.fixture(scope="module")
def folder(model, tmp_path_factory):
    return export.saved_model(
        model, tmp_path_factory.mktemp("m"), sample_rate=RATE, max_seconds=2.0
    )


@pytest.fixture(scope="module")
def served(folder):
    call = load_session(folder)[1]
    return lambda contents: call("audio_bytes", {"audio_bytes": contents})


@pytest.mark.slow
def test_recordings_of_any_length_in_one_batch(served, model):
    waveforms = [noise(n) for n in (700, 4000, 1, 465, 30_000, 466)]
    got = served(files(*waveforms))
    assert got["valid"].all()
    for row, waveform in enumerate(waveforms):
        # As `evaluate.embed_sequences` has it: one too short for a frame gets zeros.
        filled = np.pad(waveform, (0, max(0, 465 - len(waveform))))
        np.testing.assert_allclose(
            got["embedding"][row], model(floats(filled))[0], atol=1e-5
        )
    alone = [served(files(w))["embedding"][0] for w in waveforms]
    np.testing.assert_array_equal(got["embedding"], alone)


def test_bad_recordings_are_masked(served):
    good = files(noise(4000), noise(900))
    cut = good[0][:-100]
    nan = good[0].replace(struct.pack("<HH", 1, 1), struct.pack("<HH", 3, 1), 1)
    nan = nan[:34] + struct.pack("<H", 32) + nan[36:]
    nan = nan[:32] + struct.pack("<H", 4) + nan[34:44] + b"\xff" * 4 + nan[48:]
    long = files(noise(2 * RATE + 1))[0]
    bad = [b"", b"RIFF", cut, nan, long, b"\xff\xd8\xff image"]
    got = served(np.array([good[0], *bad, good[1]], dtype=object))
    assert got["valid"].tolist() == [True, *[False] * 6, True]
    assert not got["embedding"][1:-1].any()
    np.testing.assert_array_equal(got["embedding"][[0, -1]], served(good)["embedding"])
    nothing = served(np.array(bad, dtype=object))
    assert not nothing["valid"].any()
    assert not nothing["embedding"].any()
    empty = served(np.array([], dtype=object))
    assert empty["embedding"].shape == (0, 10)


def test_recordings_at_other_rates(served, model):
    pcm = noise(8000)
    for rate in (8_000, 44_100):
        content = files(pcm, rate=rate)
        waveform = wav.decode_wav(content[0], RATE)
        got = served(content)["embedding"]
        np.testing.assert_allclose(got, model(waveform[np.newaxis]), atol=1e-5)


def test_embeddings_are_those_of_recordings_as_training_reads_them(served, model):
    """Another resampler, so not to the last digit: nearer than anything else is."""
    soundfile = pytest.importorskip("soundfile")
    pytest.importorskip("soxr")
    import io

    from cl_keras.data.sequences.recording import decode_recording

    time = np.arange(22_050) / 22_050
    tone = 0.4 * np.sin(2 * np.pi * 440 * time) + 0.1 * np.sin(2 * np.pi * 3000 * time)
    buffer = io.BytesIO()
    stereo = np.stack([tone, 0.5 * tone], axis=1)
    soundfile.write(buffer, stereo, 22_050, "PCM_24", format="WAV")
    waveform = decode_recording(buffer.getvalue(), RATE)
    got = served(np.array([buffer.getvalue()], dtype=object))["embedding"]
    np.testing.assert_allclose(got, model(waveform[np.newaxis]), atol=2e-3)


@pytest.mark.slow
def test_manifest_and_check(folder, model):
    facts = artifact.read_manifest(folder)["input"]
    assert facts["modality"] == "audio"
    assert facts["sample_rate"] == RATE
    assert facts["samples"] is None
    assert facts["examples"] == {"feature": "audio_bytes", "dtype": "string"}
    report = export.check(folder, encoder=model)
    assert report.ok, str(report)
    names = {row.name for row in report.rows}
    for check in ("equals serving_default", "corrupt rows", "rows independent"):
        assert f"session: audio_bytes: {check}" in names


@pytest.mark.parametrize(
    "shape", [(1000,), pytest.param((None, 1), marks=pytest.mark.slow)]
)
def test_recordings_brought_to_one_length(shape, tmp_path):
    inputs = keras.Input(shape)
    flat = keras.layers.Lambda(lambda x: x[:, :1000])(inputs)
    flat = keras.layers.Reshape((1000,))(flat)
    model = keras.Model(inputs, keras.layers.Dense(3)(flat))
    folder = export.saved_model(model, tmp_path, sample_rate=RATE, samples=1000)
    call = load_session(folder)[1]
    long, short = noise(1501), noise(10)
    got = call("audio_bytes", {"audio_bytes": files(long, short)})
    assert got["valid"].all()
    fitted = np.stack([long[250:1250], np.pad(short, (0, 990))])
    wanted = model((fitted / np.float32(2**15)).reshape(2, 1000, *shape[1:]))
    np.testing.assert_allclose(got["embedding"], wanted, atol=1e-5)
    assert artifact.read_manifest(folder)["input"]["samples"] == 1000


@pytest.mark.slow
def test_plain_decoding(model, tmp_path):
    folder = export.saved_model(model, tmp_path, sample_rate=RATE, on_error="fail")
    call = load_session(folder)[1]
    waveforms = noise(700), noise(300)
    got = call("audio_bytes", {"audio_bytes": files(*waveforms)})
    assert list(got) == ["embedding"]
    filled = np.pad(waveforms[1], (0, 165))
    np.testing.assert_allclose(
        got["embedding"],
        np.concatenate([model(floats(w)) for w in (waveforms[0], filled)]),
        atol=1e-5,
    )
    with pytest.raises(tf.errors.InvalidArgumentError):
        call("audio_bytes", {"audio_bytes": np.array([b"?"], dtype=object)})


@pytest.mark.slow
def test_shortest_input_is_one_frame():
    model = encoders.audio_conv(channels=4, context=6)
    assert shortest(encoding(model, specification(model)), specification(model)) == 465
    model = encoders.vector_sequence((None, 5), channels=4, context=6)
    assert shortest(encoding(model, specification(model)), specification(model)) == 10


def test_encoders_that_take_no_waveforms_say_so(tmp_path):
    model = encoders.vector_sequence((None, 5), channels=4, context=6)
    with pytest.raises(ValueError, match="waveforms only"):
        export.saved_model(model, tmp_path, sample_rate=RATE)
    model = encoders.audio_conv((1000,), channels=4, context=6)
    with pytest.raises(ValueError, match="samples=999"):
        export.saved_model(model, tmp_path, sample_rate=RATE, samples=999)
    inputs = keras.Input((None,))
    nan = keras.layers.Lambda(lambda x: x[:, :2] * np.nan)(inputs)
    with pytest.raises(ValueError, match="no finite features"):
        export.saved_model(
            keras.Model(inputs, keras.layers.Reshape((2,))(nan)),
            tmp_path,
            sample_rate=RATE,
        )
