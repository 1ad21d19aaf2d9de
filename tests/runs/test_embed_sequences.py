# SPDX-License-Identifier: Apache-2.0
"""`embed` on recordings, series and graphs."""

import keras
import numpy as np
import pytest
import soundfile
from PIL import Image

from cl_keras import data, runs
from cl_keras.runs import features as feature_files
from cl_keras.runs.encoder_names import load_target
from cl_keras.runs.targets import target_job


@pytest.fixture(scope="module")
def audio_encoder(tmp_path_factory):
    path = tmp_path_factory.mktemp("encoder") / "audio.keras"
    inputs = keras.Input((None,))
    x = keras.layers.Reshape((-1, 1))(inputs)
    x = keras.layers.Conv1D(3, 4, strides=4)(x)
    keras.Model(inputs, keras.layers.GlobalAveragePooling1D()(x)).save(path)
    return path


@pytest.mark.filterwarnings("ignore:The encoder's sample rate is not known")
def test_recordings_with_several_kinds_of_labels(audio_encoder, tmp_path):
    rng = np.random.default_rng(0)
    for name in ("7_theo", "3_theo", "3_lucas"):
        wave = rng.uniform(-0.5, 0.5, 400).astype("f4")
        (tmp_path / "wav").mkdir(exist_ok=True)
        soundfile.write(tmp_path / "wav" / f"{name}.wav", wave, 8000)
    pattern = r"(?P<digit>\d)_(?P<speaker>[a-z]+)"
    out = str(tmp_path / "f.npz")
    runs.embed(str(audio_encoder), str(tmp_path / "wav"), out=out, pattern=pattern)
    found = feature_files.read_features(tmp_path / "f.npz")
    assert found.label_text(0) == "digit 3, speaker lucas"
    assert found.facts["sample_rate"] == 8000

    query = str(tmp_path / "wav" / "3_theo.wav")
    result = runs.neighbors(str(audio_encoder), [query], features=out, k=5)
    near = result["queries"][0]["neighbors"]
    # It is in the data, and not its own neighbour.
    assert sorted(n["id"] for n in near) == ["3_lucas.wav", "7_theo.wav"]
    assert result["grid"] is None


def test_graph_nodes(tmp_path, real_data, monkeypatch):
    monkeypatch.setenv("CL_KERAS_DATA", str(real_data))
    graph = data.load("planetoid:cora")
    inputs = {
        "features": keras.Input(graph.shape),
        "edges": keras.Input((2,), dtype="int64"),
    }
    output = keras.layers.Dense(4)(inputs["features"])
    keras.Model(inputs, output).save(tmp_path / "g.keras")
    out = str(tmp_path / "f.npz")
    result = runs.embed(str(tmp_path / "g.keras"), "planetoid:cora", out=out)
    assert (result["rows"], result["dimensions"]) == (graph.nodes, 4)
    Image.new("RGB", (8, 8), (1, 2, 3)).save(tmp_path / "q.png")
    with pytest.raises(ValueError, match="not in files"):
        runs.neighbors(
            str(tmp_path / "g.keras"), [str(tmp_path / "q.png")], features=out
        )
    with pytest.raises(ValueError, match=r"takes examples of .* from"):
        runs.embed(str(tmp_path / "g.keras"), "digits", out=out)


def test_series_are_read_as_those_of_the_run(tmp_path):
    """Files have a time and a note beside the channels; one has other names."""
    rng = np.random.default_rng(0)
    for folder, names in (("own", "t,x,y"), ("new", "t,x,y"), ("other", "s,a,b")):
        (tmp_path / folder).mkdir()
        for number in range(2):
            waves = rng.normal(size=(100, 2)).round(4)
            rows = [f"{i / 50},{a},{b},n" for i, (a, b) in enumerate(waves)]
            text = "\n".join([f"{names},note", *rows])
            (tmp_path / folder / f"{number}.csv").write_text(text)
    run = tmp_path / "run"
    run.mkdir()
    inputs = keras.Input((None, 2))
    means = keras.layers.GlobalAveragePooling1D()(inputs)
    keras.Model(inputs, means).save(run / "encoder.keras")
    settings = {"data.columns": "x,y", "data.time": "t", "data.sample_rate": 50}
    config = runs.TrainConfig(
        "cpc",
        f"csv:{tmp_path}/own",
        str(run),
        settings=settings | {"data.cut": 50, "data.hop": 50, "encoder.width": 3},
    )
    config.save(run / "config.json")
    out = tmp_path / "features.npz"
    for folder, given in (
        ("own", {}),
        ("new", {}),
        ("other", {"data.columns": "a,b", "data.time": "s"}),
    ):
        runs.embed(str(run), f"csv:{tmp_path}/{folder}", out=str(out), settings=given)
        found = feature_files.read_features(out)
        assert found.ids.tolist() == ["0.csv@0", "0.csv@50", "1.csv@0", "1.csv@50"]
        file = tmp_path / folder / "0.csv"
        wave = np.genfromtxt(file, delimiter=",", skip_header=1)[:50, 1:3]
        np.testing.assert_allclose(found.features[0], wave.mean(axis=0), atol=1e-4)
    with pytest.raises(ValueError, match="column of 0.csv 'x'"):
        runs.embed(str(run), f"csv:{tmp_path}/other", out=str(out))
    with pytest.raises(ValueError, match="data setting 'colums'.*columns"):
        settings = {"data.colums": "a,b"}
        runs.embed(str(run), f"csv:{tmp_path}/own", out=str(out), settings=settings)
    job = target_job(*load_target(str(run)), "run", data_spec=f"csv:{tmp_path}/new")
    assert job.input_shape == (None, 2) and len(job.train) + len(job.test) == 4
