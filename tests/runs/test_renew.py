# SPDX-License-Identifier: Apache-2.0
"""A published entry written anew from its encoder, without its run."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from typer.testing import CliRunner

from cl_keras import runs, zoo
from cl_keras.cli import app
from cl_keras.export.provenance import written_options

pytest.importorskip("sklearn", reason="needs the extra [eval]")
NAME = "simclr_compact_digits"
PACKAGED = Path(zoo.info(NAME).root)


@pytest.fixture
def registry(tmp_path):
    """A registry of one's own that holds a packaged entry, its numbers spoilt."""
    folder = tmp_path / "zoo"
    for part, name in (("rows", ".json"), ("cards", ".md"), ("cards", ".png")):
        (folder / part).mkdir(parents=True, exist_ok=True)
        shutil.copy(PACKAGED / part / f"{NAME}{name}", folder / part)
    shutil.copytree(PACKAGED / "files" / NAME, folder / "files" / NAME)
    path = folder / "rows" / f"{NAME}.json"
    row = json.loads(path.read_text())
    row["scores"] = {
        "knn_accuracy": {"value": 0.5, "mean": 0.6, "spread": 0.1, "runs": 3}
    }
    row["baselines"] = {"raw_knn_accuracy": 0.1, "supervised_accuracy": 0.99}
    path.write_text(json.dumps(row))
    return folder


@pytest.mark.slow
def test_scores_card_and_export_are_new_and_weights_and_prose_stay(registry):
    before, card = zoo.info(NAME, registry=registry), registry / "cards" / f"{NAME}.md"
    prose = card.read_text().partition("keeps it. -->")[2]
    row = runs.renew_entry(NAME, registry=str(registry), figure=False)
    assert row == zoo.info(NAME, registry=registry)
    assert all(check.ok for check in zoo.verify(NAME, registry=registry))
    new, old = (zoo.load(NAME, registry=r).get_weights() for r in (registry, PACKAGED))
    assert all(np.array_equal(x, y) for x, y in zip(new, old, strict=True))
    kept = "name version method data seed epochs recipe published license_data"
    for field in kept.split():
        assert getattr(row, field) == getattr(before, field), field
    found = runs.evaluate(NAME, registry=str(registry))
    value = found["knn_accuracy"]
    assert row.scores["knn_accuracy"] == {
        "value": value, "mean": value, "spread": None, "runs": 1,
    }  # fmt: skip
    assert row.baselines["raw_knn_accuracy"] == found["raw_knn_accuracy"] > 0.95
    assert row.baselines["supervised_accuracy"] == 0.99  # Of other makers.
    text = card.read_text()
    assert text.endswith(prose) and "Raw inputs: pixels." in text
    assert "Raw inputs are as good or better in: knn accuracy (0.98" in text
    assert row.evaluation["chosen"]["raw_knn_accuracy"] in text
    served = tf.saved_model.load(str(zoo.saved_model(NAME, registry=registry)))
    x = np.random.default_rng(0).random((3, 16, 16, 1), np.float32)
    np.testing.assert_allclose(
        served.signatures["serving_default"](images=x)["embedding"],
        zoo.load(NAME, registry=registry)(x),
        atol=1e-5,
    )


@pytest.mark.slow
def test_rounding_the_weights_makes_a_new_version(registry):
    version = str(int(zoo.info(NAME, registry=registry).version) + 1)
    row = runs.renew_entry(NAME, registry=str(registry), scores=False, rounded=True)
    assert row.version == version
    assert zoo.saved_model(NAME, registry=registry).name == version
    assert all(check.ok for check in zoo.verify(NAME, registry=registry))
    new, old = (zoo.load(NAME, registry=r).get_weights() for r in (registry, PACKAGED))
    for one, other in zip(new, old, strict=True):
        np.testing.assert_allclose(one, other, rtol=2**-8)
        assert not np.any(one.view(np.uint32) & 0xFFFF)


@pytest.mark.slow
def test_the_figure_is_drawn_without_the_run(registry):
    path = registry / "cards" / f"{NAME}.png"
    path.unlink()
    runs.renew_entry(NAME, registry=str(registry))
    # The map, 448 pixels wide, and the neighbours beside it.
    assert tf.io.decode_png(path.read_bytes()).shape[1] > 600
    assert f"]({NAME}.png)" in path.with_suffix(".md").read_text()


def test_without_scores_only_the_export_is_new(registry, tmp_path):
    before = zoo.info(NAME, registry=registry)
    serving = registry / "files" / NAME / "saved_model" / zoo.info(NAME).version
    made = (serving / "manifest.json").stat().st_mtime_ns
    command = ["zoo", "renew", NAME, "--no-scores", "--registry", str(registry)]
    done = CliRunner().invoke(app, [*command, "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout.splitlines()[-1])["knn_accuracy"] == 0.5
    row = zoo.info(NAME, registry=registry)
    assert row.scores == before.scores and row.baselines == before.baselines
    assert row.signatures == before.signatures
    assert (serving / "manifest.json").stat().st_mtime_ns > made
    # What a run does, a registry elsewhere does not have here.
    path = registry / "rows" / f"{NAME}.json"
    row = json.loads(path.read_text()) | {"source": str(registry / "files" / NAME)}
    path.write_text(json.dumps(row))
    with pytest.raises(ValueError, match="files lie in its registry"):
        runs.renew_entry(NAME, registry=str(registry))


@pytest.mark.parametrize("name", zoo.list())
def test_options_of_an_export_are_read_from_its_manifest(name):
    row, options = zoo.info(name), written_options(zoo.saved_model(name))
    assert not options["train"]
    if len(row.signatures) > 1:  # Bytes, which can be bad.
        assert options["on_error"] == "mask"
    if row.modality == "audio":
        assert options["sample_rate"] == row.sample_rate and options["samples"] is None
    if "graph_tensor" in row.signatures:
        assert options["graph_schema"].widths == row.input_shape
