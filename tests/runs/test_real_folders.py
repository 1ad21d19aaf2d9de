# SPDX-License-Identifier: Apache-2.0
"""Real data as a new user has it: folders of images and of recordings, whole runs."""

import json
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from cl_keras import runs
from cl_keras.runs import TrainConfig

pytestmark = pytest.mark.slow
SMALL = {"encoder.width": 8, "encoder.blocks": 1}


@pytest.fixture(scope="module")
def cifar(real_data, tmp_path_factory):
    """Class folders of 40 and 10 images of CIFAR-10 a class, in train and test."""
    folder = tmp_path_factory.mktemp("cifar")
    with zipfile.ZipFile(real_data / "images" / "cifar10_jpeg.zip") as archive:
        for part, count in (("train", 40), ("test", 10)):
            taken = {}
            for name in sorted(archive.namelist()):
                if name.startswith(f"{part}/") and name.endswith(".jpg"):
                    taken.setdefault(Path(name).parent, []).append(name)
            for names in taken.values():
                archive.extractall(folder, names[:count])
    return folder


def train(method, data, out, **given):
    given = {"epochs": 2, "batch_size": 50, "neighbors": 10} | given
    config = TrainConfig.for_method(method, data=data, out=str(out), **given)
    summary = runs.train(config)
    assert summary == json.loads((out / "summary.json").read_text())
    assert summary["saved_model_ok"] and np.isfinite(summary["loss"])
    for score in ("knn_accuracy", "linear_accuracy"):
        for name in (score, f"{score}_random_init", f"raw_{score}"):
            assert 0 <= summary[name] <= 1, name
    return summary


def test_class_folders(cifar, tmp_path, browser):
    summary = train("simclr", f"folder:{cifar}", tmp_path / "run", settings=SMALL)
    assert (summary["train_images"], summary["test_images"]) == (400, 100)
    assert summary["skipped_files"] == 0
    classes = (tmp_path / "run" / "figures" / "classes.csv").read_text()
    assert "airplane" in classes and "truck" in classes
    browser.open(tmp_path / "run" / "report.html")
    facts = browser.ask("({...document.documentElement.dataset})")
    assert "errors" not in facts and facts["ready"] == "yes"
    count = "document.querySelectorAll('{}').length"
    assert browser.ask(count.format(".chart")) >= 2
    assert browser.ask(count.format("circle")) >= 100


def test_a_set_that_tensorflow_datasets_takes_as_image_folder(cifar, tmp_path):
    pytest.importorskip("tensorflow_datasets", reason="needs the extra [data]")
    summary = train("simclr", f"tfds:{cifar}", tmp_path / "run", settings=SMALL)
    assert (summary["train_images"], summary["test_images"]) == (400, 100)


def test_a_flat_folder_of_all_kinds_with_corrupt_files(cifar, tmp_path):
    folder = tmp_path / "mixed"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for i, path in enumerate(sorted((cifar / "train").rglob("*.jpg"))[::4]):
        image = tf.io.decode_jpeg(path.read_bytes())
        size = rng.integers(24, 64, 2)
        image = tf.cast(tf.image.resize(image, size), tf.uint8)
        name = folder / f"{path.parent.name}_{i}"
        if i % 4 == 0:
            name.with_suffix(".jpg").write_bytes(tf.io.encode_jpeg(image).numpy())
        elif i % 4 == 1:
            name.with_suffix(".png").write_bytes(tf.io.encode_png(image).numpy())
        elif i % 4 == 2:
            grey = tf.cast(image[..., :1], tf.uint16) * 257
            name.with_suffix(".png").write_bytes(tf.io.encode_png(grey).numpy())
        else:
            keras.utils.save_img(name.with_suffix(".gif"), image, scale=False)
    good = next(folder.glob("*.jpg")).read_bytes()
    (folder / "cut_1.jpg").write_bytes(good[: len(good) // 3])
    (folder / "empty_2.png").write_bytes(b"")
    (folder / "text_3.gif").write_text("no image at all")
    settings = SMALL | {"data.pattern": r"^(?P<kind>[a-z]+)_"}
    with pytest.warns(UserWarning, match="Skipped 3 of 103"):
        summary = train(
            "simclr", f"folder:{folder}", tmp_path / "run", image_size=32,
            batch_size=20, settings=settings,
        )  # fmt: skip
    assert summary["skipped_files"] == 3
    assert {Path(text.split(" (")[0]).name for text in summary["skipped"]} == {
        "cut_1.jpg",
        "empty_2.png",
        "text_3.gif",
    }
    assert summary["train_images"] + summary["test_images"] == 100


def test_spoken_digits(real_data, tmp_path):
    pytest.importorskip("soundfile", reason="needs the extra [audio]")
    folder = tmp_path / "speech"
    with zipfile.ZipFile(real_data / "speech" / "fsdd_wav.zip") as archive:
        wanted = [n for n in archive.namelist() if n.endswith(("_0.wav", "_7.wav"))]
        archive.extractall(folder, wanted)
    settings = {
        "data.window": 2048,
        "data.pattern": r"^(?P<digit>\d)_(?P<speaker>[a-z]+)_",
        "data.label": "speaker",
        "encoder.channels": 16,
        "encoder.context": 16,
        "steps": 4,
    }
    summary = train(
        "cpc", f"folder:{folder}", tmp_path / "run", batch_size=16, settings=settings
    )
    assert summary["train_recordings"] + summary["test_recordings"] == 120
