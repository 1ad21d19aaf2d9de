"""Whole runs on pairs of files, and on random windows of series."""

import json

import numpy as np
import pytest
import tensorflow as tf
from typer.testing import CliRunner

from cl_keras import runs
from cl_keras.cli import app
from cl_keras.runs import TrainConfig

RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Bright photos with high sounds, dark ones with low sounds."""
    soundfile = pytest.importorskip("soundfile", reason="needs the extra [audio]")
    folder = tmp_path_factory.mktemp("files")
    lines = ["photo,sound,kind,place"]
    for n in range(24):
        kind = ("low", "high")[n % 2]
        photo = folder / "photos" / kind / f"{n}.png"
        sound = folder / "sounds" / kind / f"{n}.wav"
        for path in (photo, sound):
            path.parent.mkdir(parents=True, exist_ok=True)
        pixels = RNG.integers(0, 128, (8, 8, 3)) + 127 * (n % 2)
        photo.write_bytes(tf.io.encode_png(pixels.astype(np.uint8)).numpy())
        wave = np.sin(np.arange(4000 + 10 * n) * (0.1 + 0.4 * (n % 2)))
        soundfile.write(sound, wave, 4000)
        paths = [str(path.relative_to(folder)) for path in (photo, sound)]
        lines.append(",".join([*paths, kind, f"p{n % 4}"]))
    (folder / "all.csv").write_text("\n".join(lines))
    return folder


SETTINGS = {
    "encoder.photos.width": 4,
    "encoder.sounds.widths": [4, 4],
    "projector.width": 8,
    "data.window": 4000,
    "data.random_window": 2000,
}


def config(data, out, settings, **given):
    given = {"epochs": 1, "batch_size": 8, "neighbors": 3} | given
    return TrainConfig.for_method(
        "clip", data=data, out=str(out), settings=settings, **given
    )


@pytest.mark.slow
def test_photos_and_sounds_from_two_folders(files, tmp_path):
    out = tmp_path / "run"
    words = ["train", "clip", "--data"]
    words += [f"pairs:folder:{files / 'photos'},{files / 'sounds'}"]
    words += ["--out", str(out), "--encoder", "compact_resnet,mel_conv", "--json"]
    words += ["--epochs", "1", "--batch-size", "8", "--neighbors", "3"]
    for name, value in SETTINGS.items():
        words += ["--set", f"{name}={value}"]
    found = CliRunner().invoke(app, [*words, "--image-size", "6"])
    assert found.exit_code == 0, found.output
    summary = json.loads(found.stdout)
    assert summary == json.loads((out / "summary.json").read_text())
    assert summary["saved_model_ok"] and not summary.get("left_out")
    assert (summary["train_pairs"], summary["test_pairs"]) == (20, 4)
    assert summary["sample_rate"] == 4000
    for name in ("photos", "sounds"):
        for score in ("knn_accuracy", "linear_accuracy", "raw_knn_accuracy"):
            assert 0 <= summary["encoders"][name][score] <= 1


@pytest.mark.slow
def test_a_table_of_photos_and_sounds(files, tmp_path):
    settings = {
        k.replace("photos", "photo").replace("sounds", "sound"): v
        for k, v in SETTINGS.items()
    }
    settings |= {"data.label": "kind", "data.group": "place", "data.test_groups": "p3"}
    given = {"encoder": "compact_resnet,mel_conv"}
    run = config(
        f"pairs:table:{files / 'all.csv'}", tmp_path / "run", settings, **given
    )
    summary = runs.train(run, draw=False)
    assert (summary["train_pairs"], summary["test_pairs"]) == (18, 6)
    assert {*summary["encoders"]} == {"photo", "sound"} and summary["saved_model_ok"]


@pytest.mark.parametrize(
    ("settings", "given", "message"),
    [
        ({"data.random_window": 4001}, {}, "at least that of the window, 4001"),
        ({"data.random_windw": 4}, {}, "Did you mean 'random_window'"),
        ({"data.window": None}, {}, "one length"),
        ({"encoder.sounds.sample_rate": 8000}, {}, "at 4000 Hz.*Received: 8000"),
        ({"data.columns": "a,b"}, {}, "`columns` with"),
        ({}, {"image_size": 0}, "positive"),
    ],
)
def test_what_does_not_fit_is_named(files, tmp_path, settings, given, message):
    data = f"pairs:folder:{files / 'photos'},{files / 'sounds'}"
    given = {"encoder": "compact_resnet,mel_conv"} | given
    with pytest.raises(ValueError, match=message):
        runs.train(config(data, tmp_path / "run", SETTINGS | settings, **given))
