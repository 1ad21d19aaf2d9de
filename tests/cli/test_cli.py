# SPDX-License-Identifier: Apache-2.0
"""The command line as a user meets it: real processes, real files."""

import json
import os
import shutil
import subprocess
import sys
import warnings

import numpy as np
import pytest
import tensorflow as tf

from cl_keras import cli

pytestmark = pytest.mark.slow


def run(*arguments, cwd=None, check=True):
    result = subprocess.run(
        [sys.executable, "-m", "cl_keras.cli", *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=cwd,
        env=os.environ | {"COLUMNS": "200"},
    )
    if check:
        assert result.returncode == 0, result.stderr[-3000:]
    return result


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Two classes of noise of different brightness, as PNG files."""
    folder = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(0)
    for label, top in (("bright", 255), ("dark", 80)):
        (folder / label).mkdir()
        for i in range(20):
            image = rng.integers(0, top, (12, 12, 3)).astype(np.uint8)
            png = tf.io.encode_png(image).numpy()
            (folder / label / f"{i}.png").write_bytes(png)
    return folder


@pytest.fixture(scope="module")
def trained(photos, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "photos"
    result = run(
        *("train", "simclr", "--data", f"folder:{photos}", "--out", out),
        *("--epochs", 2, "--batch-size", 8, "--neighbors", 5, "--json"),
        *("--set", "encoder.width=4", "--set", "encoder.blocks=1"),
        *("--set", "encoder.stages=1"),
    )
    return out, json.loads(result.stdout)


def test_train_on_a_folder_of_images(trained):
    out, summary = trained
    assert summary == json.loads((out / "summary.json").read_text())
    assert (summary["method"], summary["epochs"], summary["seed"]) == ("simclr", 2, 0)
    assert summary["train_images"] == 32 and summary["test_images"] == 8
    for name in ("knn_accuracy", "linear_accuracy"):
        assert 0 <= summary[name] <= 1
        assert 0 <= summary[f"{name}_random_init"] <= 1
        assert 0 <= summary[f"raw_{name}"] <= 1
    assert summary["saved_model_ok"]
    epochs = [json.loads(x) for x in (out / "metrics.jsonl").read_text().splitlines()]
    assert [e["epoch"] for e in epochs] == [1, 2]
    for name in ("config.json", "encoder.keras"):
        assert (out / name).is_file(), name
    assert list(out.glob("checkpoints/*/model.keras"))
    assert (
        "<svg" in (out / "report.html").read_text()
        or "base64" in (out / "report.html").read_text()
    )


def test_evaluate_repeats_the_runs_scores(trained):
    out, summary = trained
    scores = json.loads(run("evaluate", out, "--json").stdout)
    for name in ("knn_accuracy", "raw_knn_accuracy", "knn_accuracy_random_init"):
        assert scores[name] == pytest.approx(summary[name], abs=1e-6)


def repeat(run, folder, *, seed, knn):
    """A copy of a run that says it had another seed and another score."""
    shutil.copytree(run, folder)
    for name, change in (
        ("config.json", {"seed": seed}),
        ("summary.json", {"knn_accuracy": knn}),
    ):
        content = json.loads((folder / name).read_text())
        (folder / name).write_text(json.dumps(content | change))
    return folder


def test_export_check_and_zoo(trained, tmp_path):
    out, summary = trained
    folder = json.loads(run("export", out, tmp_path / "m", "--json").stdout)
    checks = run("check", folder["saved_model"], "--against", out, "--json")
    rows = json.loads(checks.stdout)["checks"]
    assert all(row["ok"] for row in rows)
    told = run("check", folder["saved_model"], "--against", out)
    (verdict,) = told.stdout.splitlines()
    assert verdict.startswith(f"All {len(rows)} checks hold: ") and str(out) in verdict
    assert told.stderr.startswith("checking ")

    registry = tmp_path / "zoo"
    repeats = [repeat(out, tmp_path / f"seed{i}", seed=i, knn=0.1 * i) for i in (1, 2)]
    options = [text for other in repeats for text in ("--repeat", other)]
    added = run(
        *("zoo", "add", out, *options),
        *("--registry", registry, "--name", "a_b_c", "--json"),
    )
    assert json.loads(added.stdout)["name"] == "a_b_c"
    told = json.loads(
        run("zoo", "info", "a_b_c", "--registry", registry, "--json").stdout
    )
    knn = told["scores"]["knn_accuracy"]
    assert knn["value"] == summary["knn_accuracy"] and knn["runs"] == 3
    assert knn["mean"] == pytest.approx((knn["value"] + 0.1 + 0.2) / 3)
    listed = json.loads(run("zoo", "list", "--registry", registry, "--json").stdout)
    assert "a_b_c" in [row["name"] for row in listed["encoders"]]
    assert run("zoo", "verify", "a_b_c", "--registry", registry).returncode == 0

    (damaged,) = (registry / "files" / "a_b_c").rglob("variables.data-*")
    content = bytearray(damaged.read_bytes())
    content[len(content) // 2] ^= 1
    damaged.write_bytes(content)
    failed = run("zoo", "verify", "a_b_c", "--registry", registry, check=False)
    assert failed.returncode == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "simcrl", "--out", "r"], "Did you mean 'simclr'"),
        (["train", "simclr", "--data", "digit", "--out", "r"], "digits"),
        (["train", "simclr", "--data", "folder:none", "--out", "r"], "none"),
        (
            ["train", "simclr", "--batch-size", "5000", "--out", "r"],
            "batch_size=5000",
        ),
        (["train", "simclr", "--set", "tau=1", "--out", "r"], "temperature"),
        (["evaluate", "simclr_compact_digit"], "Unknown"),
    ],
)
def test_errors_are_one_line_before_any_work(
    arguments, message, tmp_path, monkeypatch, capfd
):
    # The entry point itself: each process would take TensorFlow's five seconds.
    monkeypatch.setattr(sys, "argv", ["cl-keras", *arguments])
    monkeypatch.setattr(warnings, "formatwarning", warnings.formatwarning)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == 1
    errors = capfd.readouterr().err
    last = errors.strip().splitlines()[-1]
    assert last.startswith("error: ") and message in last
    assert list(tmp_path.iterdir()) == []


def test_a_run_is_never_overwritten(trained):
    out, _ = trained
    result = run("train", "simclr", "--out", out, check=False)
    assert result.returncode == 1 and "already holds a run" in result.stderr
    assert result.stderr.startswith("error: ") and "Traceback" not in result.stderr
