# SPDX-License-Identifier: Apache-2.0
"""What a report says first: whether training paid off, and what to do next."""

import re

import pytest
from report_page import Page, small_run, summary

from cl_keras.runs.report import write_report

pytest.importorskip("jinja2")
pytest.importorskip("matplotlib")


@pytest.fixture
def run(tmp_path):
    return small_run(tmp_path)


KNN = {"knn_accuracy": 0.9, "knn_accuracy_low": 0.87, "knn_accuracy_high": 0.92}


@pytest.mark.parametrize(
    ("scores", "level", "sentence", "step"),
    [
        (
            {**KNN, "knn_accuracy_random_init": 0.5, "raw_knn_accuracy": 0.7},
            "good",
            "Training paid off: the trained encoder scores 90.0 % (weighted kNN), 40.0 "
            "points above random weights and 20.0 points above the raw inputs.",
            "cl-keras embed run digits --out features.npz",
        ),
        (
            {**KNN, "knn_accuracy_random_init": 0.5, "raw_knn_accuracy": 0.91},
            "warning",
            "No clear gain over the raw inputs: the trained encoder scores 90.0 % "
            "(weighted kNN), 40.0 points above random weights and level with the raw "
            "inputs.",
            "cl-keras train simclr --set 'name=a <b>' --epochs 300 --out run_2",
        ),
        (
            {**KNN, "knn_accuracy_random_init": 0.95},
            "problem",
            "Not yet better than random weights: the trained encoder scores 90.0 % "
            "(weighted kNN), 5.0 points below random weights.",
            "cl-keras compare simclr byol --data digits",
        ),
        (
            {"linear_accuracy": 0.8, "linear_accuracy_start": 0.7},
            "good",
            "Training paid off: the trained encoder scores 80.0 % (linear probe), 10.0 "
            "points above the weights it started from.",
            "cl-keras export run serving/encoder",
        ),
        ({"nmi": 0.5, "raw_nmi": 0.4}, "good", "0.500 (clustering, NMI)", "embed"),
        ({}, "good", "There are no labels to score the encoder with.", "evaluate"),
    ],
)
def test_the_verdict_comes_first_and_what_to_do_with_it(
    run, scores, level, sentence, step
):
    summary(run, **scores, optimizer_steps=3)
    text = write_report(run).read_text()
    assert re.search(rf'</header>\s*<main>\s*<p class="verdict {level}">', text)
    page = Page(text)
    assert sentence in page.text and step in page.text


def test_collapse_is_the_verdict_whatever_the_scores(run):
    (run / "figures").mkdir()
    (run / "figures" / "diagnosis.csv").write_text(
        "measure,value,level,finding\nembedding_std,0.0,problem,collapsed\n"
    )
    summary(run, knn_accuracy=0.9, raw_knn_accuracy=0.1)
    page = Page(write_report(run).read_text())
    assert "The encoder has collapsed: all inputs get nearly the same" in page.text
    assert "--learning-rate 0.0001 --out run_2" in page.text
