# SPDX-License-Identifier: Apache-2.0
"""The sample rate belongs to the encoder, wherever it goes."""

import dataclasses
import json

import keras
import numpy as np
import pytest

from cl_keras import artifact, data, encoders, export, runs, zoo
from cl_keras.data.sequences.audio import load_audio
from cl_keras.preprocessing.sample_rate import sample_rate_of, with_sample_rate
from cl_keras.runs import features as feature_files
from cl_keras.runs.config import TrainConfig
from cl_keras.runs.jobs import make_job
from cl_keras.runs.jobs.model import build_model

soundfile = pytest.importorskip("soundfile", reason="needs the extra [audio]")
soxr = pytest.importorskip("soxr", reason="needs the extra [audio]")


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    """The same sounds at 8 kHz, and at 16 kHz."""
    folder = tmp_path_factory.mktemp("recordings")
    rng = np.random.default_rng(0)
    for row in range(8):
        pitches = rng.uniform(100, 2500, 4)
        time = np.arange(2400 + 100 * row) / 8000
        wave = sum(0.15 * np.sin(2 * np.pi * pitch * time) for pitch in pitches)
        wave = (wave * np.hanning(len(wave))).astype(np.float32)
        for rate in (8000, 16_000):
            place = folder / f"at_{rate}" / "ab"[row % 2]
            place.mkdir(parents=True, exist_ok=True)
            made = soxr.resample(wave, 8000, rate)
            soundfile.write(place / f"{row:02}.wav", made, rate, "FLOAT")
    return {rate: folder / f"at_{rate}" for rate in (8000, 16_000)}


def small(**options):
    keras.utils.set_random_seed(0)
    return encoders.audio_conv(channels=8, context=8, **options)


@pytest.fixture(scope="module")
def forms(recordings, tmp_path_factory):
    """An encoder of 8 kHz in each form that one may have it in."""
    folder = tmp_path_factory.mktemp("forms")
    encoder = small(sample_rate=8000)
    encoder.save(folder / "own.keras")
    export.saved_model(small(), folder / "served", sample_rate=8000)
    # As earlier releases left them: a run that knows, and a file that does not.
    (folder / "run").mkdir()
    small().save(folder / "run" / "encoder.keras")
    config = TrainConfig("cpc", f"folder:{recordings[8000]}", str(folder / "run"))
    config.save(folder / "run" / "config.json")
    facts = {"sample_rate": 8000}
    (folder / "run" / "summary.json").write_text(json.dumps(facts))
    zoo.publish(
        folder / "run" / "encoder.keras",
        folder / "served" / "1",
        folder / "registry",
        name="cpc_conv_tones",
        method="cpc",
        encoder="audio_conv",
        data="folder:somewhere",
        recipe="none",
        seed=0,
        epochs=1,
    )
    row = folder / "registry" / "rows" / "cpc_conv_tones.json"
    content = json.loads(row.read_text())
    assert content.pop("sample_rate") == 8000
    row.write_text(json.dumps(content))
    return folder


def centred(features):
    features = features - features.mean(axis=0)
    return features / np.linalg.norm(features, axis=1, keepdims=True)


@pytest.mark.slow
@pytest.mark.parametrize("form", ["own.keras", "served", "run", "cpc_conv_tones"])
def test_recordings_at_another_rate_have_the_same_features(
    form, forms, recordings, tmp_path
):
    registry = str(forms / "registry")
    target = form if form.startswith("cpc") else str(forms / form)
    found = []
    for rate, folder in recordings.items():
        out = tmp_path / f"{rate}.npz"
        runs.embed(target, str(folder), out=str(out), registry=registry)
        found.append(feature_files.read_features(out))
        assert found[-1].facts["sample_rate"] == 8000
    cosines = centred(found[0].features) @ centred(found[1].features).T
    assert np.diag(cosines).min() > 0.99
    assert (cosines.argmax(axis=1) == np.arange(8)).all()
    if form != "own.keras":
        return
    query = recordings[16_000] / "a" / "04.wav"
    near = runs.neighbors(
        target, [str(query)], source=str(recordings[8000]), registry=registry
    )
    nearest = near["queries"][0]["neighbors"][0]
    assert nearest["id"] == "a/04.wav" and nearest["similarity"] > 0.99


@pytest.mark.slow
def test_evaluation_reads_other_data_at_the_encoders_rate(forms, recordings):
    scores = [
        runs.evaluate(
            str(forms / "own.keras"), data_spec=f"folder:{folder}", k=3, baselines=False
        )
        for folder in recordings.values()
    ]
    assert [score["sample_rate"] for score in scores] == [8000, 8000]
    assert scores[0]["knn_accuracy"] == scores[1]["knn_accuracy"]
    both = runs.compare_encoders(
        str(forms / "own.keras"),
        str(forms / "run"),
        source=str(recordings[16_000]),
        k=3,
    )
    assert both["cosine_drift"] < 1e-5


@pytest.mark.slow
def test_another_rate_is_refused_by_name(forms, recordings, tmp_path):
    own = str(forms / "own.keras")
    with pytest.raises(ValueError, match="8000 Hz.*Received: 16000 Hz"):
        runs.evaluate(
            own,
            data_spec=f"folder:{recordings[16_000]}",
            settings={"data.sample_rate": 16_000},
        )
    with pytest.raises(ValueError, match="8000 Hz.*sample_rate=16000"):
        export.saved_model(small(sample_rate=8000), tmp_path, sample_rate=16_000)
    # What another encoder, or this one of an earlier release, made at 16 kHz.
    small().save(tmp_path / "unknown.keras")
    bank = str(tmp_path / "bank.npz")
    with pytest.warns(UserWarning, match="sample rate is not known"):
        runs.embed(str(tmp_path / "unknown.keras"), str(recordings[16_000]), out=bank)
    query = str(recordings[8000] / "a" / "00.wav")
    with pytest.raises(ValueError, match="Received: 16000 Hz"):
        runs.neighbors(own, [query], features=bank)
    # It does not know better: queries are read as the examples were.
    found = runs.neighbors(str(tmp_path / "unknown.keras"), [query], features=bank)
    assert found["queries"][0]["neighbors"][0]["id"] == "a/00.wav"


def test_the_rate_survives_saving_cloning_and_nesting(tmp_path):
    inputs = keras.Input((None,))
    x = keras.layers.Conv1D(3, 4)(keras.layers.Reshape((-1, 1))(inputs))
    plain = keras.Model(inputs, keras.layers.GlobalAveragePooling1D()(x))
    stack = keras.Sequential([keras.Input((400,)), keras.layers.Dense(3)])
    wave = np.random.default_rng(0).normal(size=(2, 400)).astype(np.float32)
    for encoder in (plain, stack):
        assert sample_rate_of(encoder) is None
        kept = with_sample_rate(encoder, 11_025)
        np.testing.assert_array_equal(kept(wave), encoder(wave))
        kept.save(tmp_path / "a.keras")
        again = keras.saving.load_model(tmp_path / "a.keras", safe_mode=True)
        np.testing.assert_allclose(again(wave), encoder(wave), atol=1e-6)
        outer = keras.Sequential([keras.Input((400,)), again])
        for found in (again, keras.models.clone_model(again), outer):
            assert sample_rate_of(found) == 11_025
        assert with_sample_rate(kept, 11_025) is kept
        with pytest.raises(ValueError, match="11025 Hz. Received: sample_rate=8000"):
            with_sample_rate(kept, 8000)
    with pytest.raises(ValueError, match="sample_rate=0"):
        with_sample_rate(plain, 0)
    with pytest.raises(ValueError, match="attribute `sample_rate`"):
        with_sample_rate(keras.Model(), 8000)


@pytest.mark.filterwarnings("ignore:The exported encoder will not read")
def test_training_keeps_the_rate_and_names_what_is_not_served(tmp_path):
    rng = np.random.default_rng(0)
    for row in range(8):
        wave = rng.normal(0, 0.1, 1600)
        suffix = "flac" if row % 2 else "wav"
        soundfile.write(tmp_path / f"{row}.{suffix}", wave, 11_025)
    config = TrainConfig.for_method(
        "cpc",
        data=f"folder:{tmp_path}",
        out=str(tmp_path / "run"),
        encoder="audio_conv",
        settings={"data.window": 1600, "encoder.channels": 4, "encoder.context": 4},
    )
    with pytest.warns(UserWarning, match="[34] FLAC"):
        job = make_job(config)
    assert job.facts()["unserved_files"] in (3, 4)
    assert sample_rate_of(build_model(config, job).encoder) == 11_025
    settings = {**config.settings, "encoder.sample_rate": 8000}
    with pytest.raises(ValueError, match="at 11025 Hz.*Received: 8000"):
        make_job(dataclasses.replace(config, settings=settings))


def test_an_export_takes_the_encoders_rate(tmp_path):
    folder = export.saved_model(small(sample_rate=8000), tmp_path)
    manifest = artifact.read_manifest(folder)
    assert manifest["input"]["sample_rate"] == 8000
    assert "audio_bytes" in manifest["signatures"]


def test_parts_of_a_folder_are_read_at_one_rate(recordings, tmp_path):
    (tmp_path / "train").symlink_to(recordings[8000] / "a")
    (tmp_path / "test").symlink_to(recordings[16_000] / "a")
    parts = data.open(f"folder:{tmp_path}").load_parts()
    assert [part.sample_rate for part in parts.values()] == [8000, 8000]
    assert load_audio(recordings[16_000]).sample_rate == 16_000


@pytest.mark.slow
@pytest.mark.parametrize("name", ["cpc_conv_spoken_digits"])
def test_the_packaged_encoder_knows_its_rate(name, tmp_path, real_data):
    import zipfile

    row, encoder = zoo.info(name), zoo.load(name)
    assert row.sample_rate == sample_rate_of(encoder) == 8000
    archive = real_data / "speech" / "fsdd_wav.zip"
    with zipfile.ZipFile(archive) as found:
        names = [n for n in found.namelist() if n.endswith("_7.wav")][:20]
        for number, member in enumerate(names):
            (tmp_path / "8").mkdir(exist_ok=True)
            (tmp_path / "16").mkdir(exist_ok=True)
            (tmp_path / "8" / f"{number}.wav").write_bytes(found.read(member))
            wave, rate = soundfile.read(tmp_path / "8" / f"{number}.wav")
            high = soxr.resample(wave, rate, 2 * rate)
            soundfile.write(tmp_path / "16" / f"{number}.wav", high, 2 * rate, "FLOAT")
    found = []
    for rate in ("8", "16"):
        runs.embed(name, str(tmp_path / rate), out=str(tmp_path / f"{rate}.npz"))
        found.append(feature_files.read_features(tmp_path / f"{rate}.npz").features)
    cosines = centred(found[0]) @ centred(found[1]).T
    assert np.diag(cosines).min() > 0.99
    assert (cosines.argmax(axis=1) == np.arange(len(names))).all()
