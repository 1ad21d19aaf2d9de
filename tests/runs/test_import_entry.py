# SPDX-License-Identifier: Apache-2.0
"""From a checkpoint of PyTorch to an entry of a registry."""

import importlib
import json

import numpy as np
import pytest
import tensorflow as tf
from checkpoint_weights import golden, photograph, state
from safetensors.numpy import save_file

from cl_keras import artifact, runs, zoo
from cl_keras.cli import app
from cl_keras.preprocessing.resizing import resize_and_crop

NAME = "moco_tiny_noise"


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """A narrow ResNet, laid out as MoCo v2's."""
    path = tmp_path_factory.mktemp("published") / "moco.safetensors"
    save_file(state("moco_v2", "bottleneck_x2"), path)
    return path


def imported(checkpoint, registry, *options):
    app(
        ["zoo", "import", str(checkpoint), "--name", NAME, "--registry", str(registry)]
        + ["--license-weights", "CC-BY-NC-4.0", "--license-data", "custom"]
        + ["--image-size", "64", "--trained-on", "noise", "--json", *options],
        standalone_mode=False,
    )
    return zoo.info(NAME, registry=registry)


@pytest.fixture(scope="module")
def registry(checkpoint, tmp_path_factory):
    folder = tmp_path_factory.mktemp("zoo")
    imported(checkpoint, folder)
    return folder


@pytest.mark.slow
def test_the_entry_is_whole(registry, checkpoint):
    row = zoo.info(NAME, registry=registry)
    assert (row.method, row.encoder, row.data) == ("moco", "resnet", "noise")
    assert row.license_weights == "CC-BY-NC-4.0" and row.license_data == "custom"
    assert row.input_shape == (64, 64, 3) and row.features == 512
    assert row.published["paper"].endswith("arXiv:2003.04297")
    assert artifact.sha256(checkpoint) in row.published["weights"]
    assert "in the encoder, the mean (0.485" in row.preprocessing
    assert "--source moco_v2 --image-size 64" in row.recipe
    assert "image_bytes" in row.signatures and row.scores == {}
    assert all(check.ok for check in zoo.verify(NAME, registry=registry))
    assert all(check.ok for check in runs.verify_scores(NAME, registry=str(registry)))
    card = (registry / "cards" / f"{NAME}.md").read_text()
    assert "weights that others have published" in card and "epochs," not in card
    assert "`cl-keras zoo import moco.safetensors --source moco_v2" in card
    assert "No scores were computed" in card
    assert f"`{NAME}`" in zoo.table(registry=registry)


@pytest.mark.slow
def test_bytes_are_read_as_pytorch_reads_them(registry):
    served = tf.saved_model.load(str(zoo.saved_model(NAME, registry=registry)))

    def features(pixels):
        png = tf.io.encode_png(pixels)
        return served.signatures["image_bytes"](tf.stack([png]))["embedding"]

    expected, pixels = (golden()[f"photograph/{x}"] for x in ("features", "pixels"))
    scale = np.abs(expected).max()
    # Pixels of the right size: PyTorch's own features.
    assert np.abs(features(pixels) - expected).max() < 1e-5 * scale
    # The rule: the shorter side becomes that of the encoder, bilinear with
    # antialiasing, then the centre. Pillow rounds after each of the two axes, and so
    # comes out a level apart here and there. (Where the longer side is no whole number,
    # torchvision cuts it off and we round it: a pixel's difference in what is seen.)
    ours = resize_and_crop(tf.constant(photograph()), (64, 64)).numpy()
    apart = np.abs(ours.astype(int) - pixels)
    assert apart.max() <= 1 and apart.mean() < 0.2
    assert np.abs(features(photograph()) - expected).max() < 5e-3 * scale
    assert np.abs(features(photograph()) - features(ours)).max() < 1e-5 * scale


@pytest.mark.slow
def test_scores_on_data_that_is_named(checkpoint, tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (60, 64, 64, 3), np.uint8)
    images[::2, :32] //= 4
    np.savez(tmp_path / "a.npz", images=images, labels=np.arange(60) % 2)
    data = f"npz:{tmp_path / 'a.npz'}"
    row = imported(checkpoint, tmp_path / "zoo", "--data", data, "--metrics", "knn")
    assert row.scores["knn_accuracy"]["value"] > 0.9
    assert {"knn_accuracy_random_init", "raw_knn_accuracy"} <= set(row.baselines)
    assert row.evaluation["data"] == data and row.data == "noise"
    checks = runs.verify_scores(NAME, registry=str(tmp_path / "zoo"))
    assert len(checks) == 3 and all(check.ok for check in checks), checks
    assert "verify" in (tmp_path / "zoo" / "cards" / f"{NAME}.md").read_text()


@pytest.mark.slow
def test_renewed_it_still_says_what_the_encoder_does(registry):
    before = zoo.info(NAME, registry=registry)
    row = runs.renew_entry(NAME, registry=str(registry), scores=False)
    assert row.preprocessing == before.preprocessing and row.published
    assert json.loads(row.to_json())["license_weights"] == "CC-BY-NC-4.0"


def test_what_is_wrong_is_told_before_the_export(checkpoint, tmp_path, monkeypatch):
    module = importlib.import_module("cl_keras.runs.import_entry")
    monkeypatch.setattr(module, "checked_export", lambda *_, **__: pytest.fail("late"))
    registry = tmp_path / "zoo"
    with pytest.raises(ValueError, match="Expected a checkpoint of SimSiam"):
        imported(checkpoint, registry, "--source", "simsiam")
    with pytest.raises(ValueError, match="`license_weights`"):
        imported(checkpoint, registry, "--license-weights", "")
    with pytest.raises(ValueError, match="name='Up'"):
        imported(checkpoint, registry, "--name", "Up")
    assert not registry.exists()
    (registry / "rows").mkdir(parents=True)
    (registry / "rows" / f"{NAME}.json").touch()
    with pytest.raises(FileExistsError, match="overwrite=True"):
        imported(checkpoint, registry)
