# SPDX-License-Identifier: Apache-2.0
import json

import numpy as np
import pytest

from cl_keras import runs
from cl_keras.evaluate import score_plots


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    rng = np.random.default_rng(0)
    labels = np.arange(60) % 2
    noise = rng.integers(0, 80, (60, 8, 8, 1))
    stored = (noise + 120 * labels[:, None, None, None]).astype(np.uint8)
    path = tmp_path_factory.mktemp("images") / "two.npz"
    np.savez(path, images=stored, labels=labels)
    return path


def compare(images, out, **given):
    return runs.compare(
        ["autoencoder", "denoising_autoencoder"],
        out=str(out),
        seeds=[0, 1],
        data=f"npz:{images}",
        epochs=1,
        batch_size=8,
        neighbors=3,
        **given,
    )


@pytest.mark.slow
def test_one_table_with_means_spreads_and_baselines(images, tmp_path):
    result = compare(images, tmp_path)
    names = [row["name"] for row in result["rows"]]
    assert names == [
        "autoencoder",
        "denoising_autoencoder",
        "random encoder",
        "raw inputs",
    ]
    assert result == json.loads((tmp_path / "comparison.json").read_text())
    runs_of_it = [
        json.loads((tmp_path / f"autoencoder_seed{s}" / "summary.json").read_text())
        for s in (0, 1)
    ]
    scores = [run["linear_accuracy"] for run in runs_of_it]
    row = result["rows"][0]
    assert row["linear_accuracy"] == pytest.approx(np.mean(scores))
    assert row["linear_accuracy_sd"] == pytest.approx(np.std(scores, ddof=1))
    # Beside the first alone: the encoder is the same for all.
    other = json.loads(
        (tmp_path / "denoising_autoencoder_seed0" / "summary.json").read_text()
    )
    assert "linear_accuracy" in other
    assert not [name for name in other if name.startswith(("raw", "random"))]
    raw = [run["raw_knn_accuracy"] for run in runs_of_it]
    assert result["rows"][-1]["knn_accuracy"] == pytest.approx(np.mean(raw))
    assert (tmp_path / "comparison.png").is_file()

    # Again: nothing is trained a second time; other settings are refused.
    stamp = (tmp_path / "autoencoder_seed0" / "metrics.jsonl").stat().st_mtime_ns
    assert compare(images, tmp_path)["rows"] == result["rows"]
    again = (tmp_path / "autoencoder_seed0" / "metrics.jsonl").stat().st_mtime_ns
    assert again == stamp
    with pytest.raises(ValueError, match="learning_rate: 0.002 there, 0.1 now"):
        compare(images, tmp_path, learning_rate=0.1)


def test_wrong_arguments_are_named(tmp_path):
    for methods, seeds in ((["simclr"], [0]), (["dim", "dim"], [0]), (["a", "b"], [])):
        with pytest.raises(ValueError, match="two or more different methods"):
            runs.compare(methods, out=str(tmp_path), seeds=seeds, data="digits")
    with pytest.raises(ValueError, match="Did you mean 'simclr'"):
        runs.compare(["dim", "simclear"], out=str(tmp_path), data="digits")
    assert not list(tmp_path.iterdir())


def test_bars_show_each_score_that_is_there():
    rows = [{"name": "a", "x": 0.5, "x_sd": 0.1, "y": 0.2}, {"name": "b", "y": 0.4}]
    axes = score_plots.score_bars(rows, ["x", "y"]).axes[0]
    assert sorted(bar.get_width() for bar in axes.patches) == [0.2, 0.4, 0.5]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["a", "b"]
    with pytest.raises(ValueError, match="at least one row"):
        score_plots.score_bars([], ["x"])
