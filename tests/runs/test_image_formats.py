# SPDX-License-Identifier: Apache-2.0
"""Encoders of wide, grey and open inputs get their images from any command."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest
from PIL import Image

from cl_keras import data, runs
from cl_keras.data import load, load_splits
from cl_keras.evaluate.linear_probe import chosen_probe
from cl_keras.runs import TrainConfig
from cl_keras.runs.jobs.images import ImageJob

pytest.importorskip("sklearn", reason="needs the extra [eval]")

SIZE = (20, 40)  # Of the files: twice as wide as high.


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Two classes of coloured noise, told apart by the brightness of their left."""
    root = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(0)
    for name, light in (("bright", 120), ("dark", 0)):
        (root / name).mkdir()
        for row in range(10):
            pixels = rng.integers(0, 120, (*SIZE, 3), np.uint8)
            pixels[:, :10] += np.uint8(light)
            Image.fromarray(pixels).save(root / name / f"{row}.png")
    return root


def encoder_file(tmp_path, shape):
    """An encoder whose features are the mean of the left and of all of the image."""
    inputs = keras.Input(shape)
    left = keras.layers.GlobalAveragePooling2D()(inputs[:, :, :10])
    both = keras.layers.concatenate(
        [left, keras.layers.GlobalAveragePooling2D()(inputs)]
    )
    keras.Model(inputs, both).save(tmp_path / "encoder.keras")
    return str(tmp_path / "encoder.keras")


def pixels_of(root):
    files = sorted(root.rglob("*.png"))
    return np.stack([np.asarray(Image.open(file)) for file in files]) / 255.0


@pytest.mark.slow
@pytest.mark.parametrize(
    "shape",
    [(*SIZE, 3), (*SIZE, 1), (None, None, 3), (None, None, 1), (None, None, None)],
    ids=str,
)
def test_features_are_those_of_the_image(photos, tmp_path, shape):
    target = encoder_file(tmp_path, shape)
    pixels = pixels_of(photos)
    if shape[-1] == 1:
        luma = (pixels * [0.2989, 0.587, 0.114]).sum(-1, keepdims=True)
        pixels = np.floor(luma * 255.5) / 255  # As TensorFlow rounds.
    expected = np.hstack([pixels[:, :, :10].mean((1, 2)), pixels.mean((1, 2))])
    runs.embed(target, str(photos), out=str(tmp_path / "found.npz"))
    found = np.load(tmp_path / "found.npz")["features"]
    # One level of 255, in luma that lies between two.
    np.testing.assert_allclose(found, expected, atol=2e-4)

    scores = runs.evaluate(
        target, data_spec=f"folder:{photos}", metrics=["knn"], baselines=False
    )
    assert scores["knn_accuracy"] == 1.0
    query = str(photos / "dark" / "3.png")
    nearest = runs.neighbors(target, [query], features=str(tmp_path / "found.npz"), k=3)
    assert nearest["queries"][0]["neighbors"][0]["label"] == "dark"


def test_a_wide_encoder_sees_the_middle_of_other_images(photos, tmp_path):
    target = encoder_file(tmp_path, (5, 40, 3))
    scores = runs.evaluate(
        target, data_spec=f"folder:{photos}", metrics=["knn"], baselines=True
    )
    assert scores["knn_accuracy"] == 1.0 and "raw_knn_accuracy" in scores
    train, test = load_splits(f"folder:{photos}", image_size=(5, 40), channels=1)
    assert train.shape == test.shape == (5, 40, 1)


def test_the_linear_probe_alone_learns_from_mirror_images(photos, tmp_path):
    target, spec = encoder_file(tmp_path, (*SIZE, 3)), f"folder:{photos}"
    mirrored = {"data.mirrored": True}
    settings = TrainConfig("simclr", spec, "", image_size=SIZE, settings=mirrored)
    labelled = (job := ImageJob(settings, data.open(spec))).labelled()
    images = load_splits(spec)[0].images
    both = np.concatenate([images, np.flip(images, axis=2)])
    expected = [both[:, :, :10].mean((1, 2)) / 255, both.mean((1, 2)) / 255]
    encoder = keras.saving.load_model(target)
    (features, test), labels = labelled.features(encoder), labelled.labels
    np.testing.assert_allclose(features, np.hstack(expected), atol=1e-5)
    np.testing.assert_array_equal(labelled.raw()[0], both.reshape(32, -1))
    online = job.online_evaluation(own=True)
    online.set_model(SimpleNamespace(encoder=encoder))
    online.on_epoch_end(0, logs := {})
    assert logs["online_knn_accuracy"] == 1.0

    given = {"data_spec": spec, "metrics": ["knn", "linear"]}
    plain = runs.evaluate(target, **given)
    found = runs.evaluate(target, **given, settings=mirrored)
    assert found["knn_accuracy"] == plain["knn_accuracy"]
    predicted, chosen = chosen_probe(features, labels[0], test, copies=2)
    assert found["chosen"]["linear_accuracy"] == chosen
    assert found["linear_accuracy"] == np.mean(predicted == labels[1])
    with pytest.raises(ValueError, match=r"data\.mirrored to be true or false.*'yes'"):
        runs.evaluate(target, **given, settings={"data.mirrored": "yes"})


@pytest.mark.slow
def test_channels_that_cannot_be_made_are_refused(photos, tmp_path):
    target = encoder_file(tmp_path, (*SIZE, 13))
    message = r"Expected images of 13 channels\. Received: .*photos.*have 3"
    with pytest.raises(ValueError, match=message):
        runs.evaluate(target, data_spec=f"folder:{photos}")
    with pytest.raises(ValueError, match=message):
        runs.embed(target, str(photos), out=str(tmp_path / "x.npz"))


def test_grey_becomes_rgb_for_an_encoder_of_colour(tmp_path):
    assert load("digits", channels=3).shape == (16, 16, 3)
    (part,) = data.open("digits").load_parts(image_size=(8, 12), channels=3).values()
    assert part.shape == (8, 12, 3)
    assert np.ptp(part.images, axis=-1).max() == 0
    target = encoder_file(tmp_path, (16, 16, 3))
    scores = runs.evaluate(target, data_spec="digits", metrics=["knn"], baselines=False)
    assert scores["knn_accuracy"] > 0.1


@pytest.mark.slow
def test_a_run_on_grey_images(photos, tmp_path):
    config = runs.TrainConfig(
        "simclr", f"folder:{photos}", str(tmp_path / "run"), epochs=1, batch_size=8,
        image_size=16,
        settings={"data.channels": 1, "encoder.width": 4, "encoder.blocks": 1},
    )  # fmt: skip
    runs.train(config, evaluate=False, finish=False)
    encoder = keras.saving.load_model(tmp_path / "run" / "encoder.keras")
    assert encoder.input_shape == (None, 16, 16, 1)
    assert runs.evaluate(str(tmp_path / "run"), metrics=["knn"])["train_images"] == 16


@pytest.mark.slow
def test_methods_without_views_take_images_that_are_not_square(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (40, 8, 12, 3), np.uint8)
    np.savez(tmp_path / "wide.npz", images=images, labels=np.arange(40) % 2)
    given = {"data": f"npz:{tmp_path / 'wide.npz'}", "epochs": 1, "batch_size": 8}
    settings = {"encoder.width": 4, "encoder.blocks": 1, "encoder.stages": 1}
    out = tmp_path / "run"
    config = TrainConfig.for_method(
        "autoencoder", out=str(out), neighbors=3, settings=settings, **given
    )
    assert runs.train(config)["saved_model_ok"]
    drawn = {path.name for path in (out / "figures").iterdir()}
    assert "embedding.csv" in drawn and "views.csv" not in drawn
    with pytest.raises(ValueError, match="Views are square"):
        runs.train(TrainConfig.for_method("simclr", out=str(tmp_path / "no"), **given))
