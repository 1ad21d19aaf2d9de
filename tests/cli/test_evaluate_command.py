# SPDX-License-Identifier: Apache-2.0
"""`cl-keras evaluate` in real processes."""

import json
import os
import subprocess
import sys

import keras
import numpy as np
import pytest

pytest.importorskip("sklearn", reason="needs the extra [eval]")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    rng = np.random.default_rng(0)
    labels = np.arange(60) % 2
    images = rng.integers(0, 90, (60, 4, 4, 1)) + 90 * labels[:, None, None, None]
    np.savez(folder / "two.npz", images=images.astype(np.uint8), labels=labels)
    encoder = keras.Sequential(
        [keras.Input((4, 4, 1)), keras.layers.Flatten(), keras.layers.Dense(3)]
    )
    encoder.save(folder / "encoder.keras")
    return folder


def run(*arguments, cwd):
    return subprocess.run(
        [sys.executable, "-m", "cl_keras.cli", "evaluate", *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=cwd,
        env=os.environ | {"COLUMNS": "80"},
    )


def test_one_object_on_stdout_and_the_table_on_stderr(files):
    result = run(
        *("encoder.keras", "--probe-data", "npz:two.npz", "--k", 3, "--json"),
        *("--metrics", "knn, retrieval, few_labels"),
        cwd=files,
    )
    assert result.returncode == 0, result.stderr
    scores = json.loads(result.stdout)
    assert scores["train_images"] == 48 and scores["k"] == 3
    assert "linear_accuracy" not in scores and "nmi" not in scores
    for name in ("knn_accuracy", "recall_at_1", "raw_mean_average_precision"):
        value, low, high = (scores[name + end] for end in ("", "_low", "_high"))
        assert 0 <= low <= value <= high <= 1
    value, low, high = (
        f"{100 * scores['recall_at_1' + end]:.1f}".replace("100.0", "100")
        for end in ("", "_low", "_high")
    )
    (line,) = [x for x in result.stderr.splitlines() if x.startswith("recall at 1 ")]
    assert f" {value} ({low} to {high}) " in line and len(line.rstrip()) <= 80
    assert f" {100 * scores['raw_recall_at_1']:.1f}".replace("100.0", "100") in line
    assert "\n10 % of labels " in result.stderr
    assert "random weights" in result.stderr and "raw inputs" in result.stderr
    assert "48 training images, 12 test images" in result.stderr


@pytest.mark.slow
def test_wrong_names_are_one_line_before_any_work(files):
    result = run("encoder.keras", "--metrics", "knn,retreival", cwd=files)
    assert result.returncode == 1 and result.stdout == ""
    last = result.stderr.strip().splitlines()[-1]
    assert last.startswith("error: ") and "Did you mean 'retrieval'" in last
