# SPDX-License-Identifier: Apache-2.0
"""Reports of several runs, and the command that writes reports."""

import json
import re

import pytest
from report_page import Page, lines_of, summary
from typer.testing import CliRunner

from cl_keras.cli import app
from cl_keras.runs.report import compare_runs

pytest.importorskip("jinja2")
pytest.importorskip("matplotlib")


@pytest.fixture
def two_runs(tmp_path):
    for name, size, accuracy in (("a", 64, 0.9), ("b", 128, 0.8)):
        folder = tmp_path / name
        folder.mkdir()
        config = {"method": "simclr", "batch_size": size, "data": "digits", "out": name}
        config["command"] = f"cl-keras train simclr --batch-size {size}"
        (folder / "config.json").write_text(json.dumps(config))
        summary(folder, knn_accuracy=accuracy, raw_knn_accuracy=0.7)
        history = [{"epoch": i, "loss": 3.0 / i, "seconds": 1.0} for i in (1, 2)]
        lines = "".join(json.dumps(row) + "\n" for row in history)
        (folder / "metrics.jsonl").write_text(lines)
    return tmp_path / "a", tmp_path / "b"


def test_compared_runs_show_differences_scores_and_both_curves(two_runs, tmp_path):
    page = Page(compare_runs(two_runs, tmp_path / "compare.html").read_text())
    assert page.headings == [
        *("Scores", "Differences", "Learning curves", "How they were made")
    ]
    assert "a scores highest: 90.0 % (weighted kNN)." in page.text
    assert "2 runs of SimCLR on digits" in page.text
    text = (tmp_path / "compare.html").read_text()
    table = re.search(r">Differences</h2>.*?</section>", text, re.S)[0]
    assert re.findall(r'<th scope="row">(.*?)</th>', table) == ["batch size"]
    assert "<td>64</td><td>128</td>" in table
    assert "<td><b>90.0 %</b></td><td>80.0 %</td>" in text
    assert len(lines_of(text)) == 2 and text.count("<figure>") == 1


def test_what_cannot_be_compared_is_named(two_runs, tmp_path):
    out = tmp_path / "compare.html"
    with pytest.raises(ValueError, match="two or more different runs"):
        compare_runs([two_runs[0]] * 2, out)
    with pytest.raises(FileNotFoundError, match="no_run"):
        compare_runs([two_runs[0], tmp_path / "no_run"], out)
    with pytest.raises(FileNotFoundError, match="There is no folder"):
        compare_runs(two_runs, tmp_path / "nowhere" / "x.html")
    assert not out.exists()


def test_the_command_writes_one_report_or_a_comparison(two_runs, tmp_path):
    run = CliRunner().invoke
    first, second = map(str, two_runs)
    result = run(app, ["report", first, "--json"])
    assert json.loads(result.stdout) == {"report": f"{first}/report.html"}
    out = str(tmp_path / "both.html")
    result = run(app, ["report", first, second, "--out", out, "--json"])
    assert json.loads(result.stdout) == {"report": out}
    assert "SimCLR" in (tmp_path / "both.html").read_text()


def test_runs_within_each_others_intervals_are_level(two_runs, tmp_path):
    first, second = two_runs
    summary(first, knn_accuracy=0.9, knn_accuracy_low=0.78, knn_accuracy_high=0.95)
    text = compare_runs(two_runs, tmp_path / "compare.html").read_text()
    assert (
        "a scores highest, 90.0 % (weighted kNN), but b lies within its confidence"
        in text
    )
    assert "<td><b>90.0 % (78.0 to 95.0)</b></td><td>80.0 %</td>" in text
