# SPDX-License-Identifier: Apache-2.0
"""One name for an encoder, wherever one is asked for."""

import dataclasses
import json
import warnings
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from rich.console import Console

from cl_keras import encoders, runs
from cl_keras.runs import TrainConfig
from cl_keras.runs.checkpoint import Progress
from cl_keras.runs.encoder_names import is_pretrained, split_name
from cl_keras.runs.starting_point import StartingPoint

pytest.importorskip("sklearn", reason="needs the extra [eval]")
ZOO = "zoo:simclr_compact_digits"
IMAGES = np.random.default_rng(0).random((2, 16, 16, 1)).astype("float32")


def features(name, **options):
    return runs.load_encoder(name, **options)[0].predict(IMAGES, verbose=0)


def test_options_follow_the_name():
    name = "keras:ResNet50V2?weights=a/b.h5&image_size=96"
    options = {"weights": "a/b.h5", "image_size": 96}
    assert split_name(name) == ("keras:ResNet50V2", options)
    assert split_name("zoo:some") == ("zoo:some", {})
    with pytest.raises(ValueError, match="options as in.*Received: 'zoo:some"):
        split_name("zoo:some?weights")


def test_what_has_learnt_before():
    names = (ZOO, "run:runs/a", "a/encoder.keras", "checkpoint:a.pth", "keras_hub:some")
    assert all(is_pretrained(name, {}) for name in names)
    assert not is_pretrained("compact_resnet", {"width": 8})
    assert not is_pretrained("keras:VGG16", {})
    assert is_pretrained("keras:VGG16", {"weights": "imagenet"})
    assert is_pretrained("keras:VGG16?weights=imagenet", {})


def test_an_entry_has_one_encoder_under_both_its_names():
    np.testing.assert_array_equal(features(ZOO), features("simclr_compact_digits"))
    with pytest.raises(ValueError, match="Did you mean 'simclr_compact_digits'"):
        runs.load_encoder("zoo:simclr_compact_digit")
    with pytest.raises(FileNotFoundError, match="runs/photos, which is not there"):
        runs.load_encoder("runs/photos")


def test_another_size_of_images():
    large, _ = runs.load_encoder(f"{ZOO}?image_size=24")
    small, _ = runs.load_encoder(ZOO)
    assert large.input_shape == (None, 24, 24, 1)
    for one, other in zip(large.get_weights(), small.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    with pytest.raises(ValueError, match="Unknown option of zoo.*'width'"):
        runs.load_encoder(f"{ZOO}?width=4")


def test_models_of_keras_are_built_at_the_size_asked_for():
    encoder, facts = runs.load_encoder("keras:MobileNetV3Small?image_size=32")
    assert encoder.input_shape == (None, 32, 32, 3) and facts == {}


def test_a_checkpoint_of_pytorch_is_an_encoder_of_any_size(tmp_path):
    numpy_files = pytest.importorskip("safetensors.numpy")
    rng = np.random.default_rng(0)
    # The stem and one block of a narrow ResNet, with torchvision's names.
    arrays = {"conv1.weight": rng.normal(0, 0.1, (8, 3, 7, 7))}
    arrays |= {
        f"layer1.0.conv{i}.weight": rng.normal(0, 0.1, (8, 8, 3, 3)) for i in (1, 2)
    }
    for norm in ("bn1", "layer1.0.bn1", "layer1.0.bn2"):
        for name in ("weight", "bias", "running_mean", "running_var"):
            arrays[f"{norm}.{name}"] = np.ones(8)
    arrays = {key: value.astype(np.float32) for key, value in arrays.items()}
    numpy_files.save_file(arrays, tmp_path / "net.safetensors")
    name = f"checkpoint:{tmp_path / 'net.safetensors'}?source=torchvision&image_size=40"
    encoder, _ = runs.load_encoder(name)
    assert encoder.input_shape == (None, 40, 40, 3)


def config(out, **given):
    given = {"encoder": ZOO, "epochs": 1, "batch_size": 512, "neighbors": 5} | given
    return TrainConfig("simclr", "digits", str(out), **given)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A short training that goes on from the zoo, at a rate that ruins it."""
    out = tmp_path_factory.mktemp("runs") / "run"
    settings = {"projector.weights": ZOO, "encoder.freeze": 1}
    settings["optimizer.layer_decay"] = 0.75
    made = config(out, epochs=4, learning_rate=3.0, settings=settings)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        summary = runs.train(made, draw=False, finish=False)
    return out, summary


@pytest.mark.slow
def test_a_training_scores_its_start_and_says_where_it_loses_it(run):
    out, summary = run
    card = runs.evaluate(ZOO, baselines=False)
    for name in ("knn_accuracy", "linear_accuracy"):
        # Of five neighbours, where the card's entry has twenty.
        assert summary[f"{name}_start"] == pytest.approx(card[name], abs=0.02)
    assert summary["knn_accuracy"] < summary["knn_accuracy_start"]
    history = [json.loads(x) for x in (out / "metrics.jsonl").read_text().splitlines()]
    starts = {row["start_knn_accuracy"] for row in history}
    assert starts == {summary["knn_accuracy_start"]}
    assert any("getting worse" in text for text in summary["warnings"])


@pytest.mark.parametrize(("score", "warned"), [(0.6, 0), (0.4, 1), (np.nan, 1)])
def test_a_start_is_lost_beyond_chance(score, warned):
    progress = Progress(facts={"start_knn_accuracy": 0.65})
    evaluation = SimpleNamespace(examples=100)  # One standard error: 0.048.
    start = StartingPoint(evaluation, progress, Console(quiet=True))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        for epoch in range(4):
            start.on_epoch_end(epoch, {"online_knn_accuracy": score})
    assert len(start.findings) == warned


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Epoch 1. dimensional collapse")
def test_a_run_goes_on_from_anywhere_and_is_an_encoder_itself(run, tmp_path):
    out, before = run
    kept = keras.saving.load_model(out / "encoder.keras", compile=False)
    for name in (f"run:{out}", str(out), f"{out}/encoder.keras"):
        np.testing.assert_array_equal(features(name), kept.predict(IMAGES, verbose=0))
    frozen = encoders.block_depths(kept)
    for one, other in zip(kept.layers, runs.load_encoder(ZOO)[0].layers, strict=True):
        same = all(map(np.array_equal, one.get_weights(), other.get_weights()))
        assert same == (frozen[one] < 1 or not one.weights), one.name
    # The same settings from the run in place of the entry.
    made = config(tmp_path / "more", encoder=f"run:{out}", learning_rate=0.0)
    made = dataclasses.replace(made, settings={"projector.weights": f"run:{out}"})
    summary = runs.train(made, draw=False, finish=False)
    # Where the first ended; batch statistics move at a rate of 0, too.
    assert summary["knn_accuracy_start"] == before["knn_accuracy"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("given", "settings", "message"),
    [
        ({"encoder": "zoo:dgi_gcn_cora"}, {}, "Received: .*16, 16, 1"),
        ({}, {"encoder.width": 8}, "Unknown option of zoo.*'width'"),
        ({}, {"encoder.freeze": 99}, "at most 6 blocks"),
        ({}, {"encoder.image_size": 32}, "with --image-size"),
        ({}, {"optimizer.layer_decay": 0}, "`decay` must be positive"),
        ({}, {"projector.weights": "nowhere"}, "projector.weights=zoo:NAME"),
        ({}, {"projector.weights": ZOO, "projector.width": 3}, "is built already"),
        (
            {"encoder": "compact_resnet"},
            {"projector.weights": ZOO, "encoder.width": 8},
            "Expected a projector of 32 features",
        ),
    ],
)
def test_what_does_not_fit_is_an_error_before_training(
    given, settings, message, tmp_path
):
    with pytest.raises(ValueError, match=message):
        runs.train(config(tmp_path / "run", settings=settings, **given))
    assert not (tmp_path / "run").exists()
