# SPDX-License-Identifier: Apache-2.0
"""Scores beside their baselines."""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import Any

from cl_keras.runs.report.marks import section
from cl_keras.runs.report.run_data import RunData, is_number

# In the order of the page; scores that are not here come last, by their key.
TITLES = {
    "linear_accuracy": "Linear probe",
    "knn_accuracy": "Weighted kNN",
    "few_labels_1_accuracy": "Linear probe, 1 % of the labels",
    "few_labels_10_accuracy": "Linear probe, 10 % of the labels",
    "fine_tune_accuracy": "Fine-tuned",
    "mean_average_precision": "Retrieval, mean average precision",
    "recall_at_1": "Retrieval, recall at 1",
    "recall_at_5": "Retrieval, recall at 5",
    "recall_at_10": "Retrieval, recall at 10",
    "nmi": "Clustering, NMI",
    "ari": "Clustering, ARI",
}
BASELINES = {
    "{}": "Trained encoder",
    "{}_random_init": "Random initialisation",
    "raw_{}": "Raw inputs",
}


def score_keys(summary: Mapping[str, Any]) -> list[str]:
    """The scores in a summary: those with a title, and those with a baseline."""
    known = [key for key in TITLES if is_number(summary.get(key))]
    others = [
        key
        for key, value in summary.items()
        if key not in TITLES
        and not key.endswith(("_low", "_high"))  # Ends of an interval.
        and is_number(value)
        and (f"{key}_random_init" in summary or f"raw_{key}" in summary)
    ]
    return known + others


def score_title(key: str) -> str:
    """What a score is called."""
    return TITLES.get(key, key.replace("_", " "))


def score_text(key: str, value: float) -> str:
    """A score as it is written: shares in percent, indices as they are."""
    return f"{value:.3f}" if key in ("nmi", "ari") else f"{100 * value:.1f} %"


def scores(run: RunData) -> str:
    """Every score with the same of an untrained encoder and of the raw inputs."""
    blocks = [_block(run.summary, key) for key in score_keys(run.summary)]
    if not blocks:
        missing = "<p>No accuracies: the run has no labels to score against.</p>"
        return section("Scores", missing)
    note = (
        "On test examples that took part in no choice. The encoder is frozen; it has "
        "to beat the same network untrained, and the inputs as they are. In brackets "
        "the 95 % confidence interval, where it was computed."
    )
    return section("Scores", f'<div class="scores">{"".join(blocks)}</div>', note)


def _block(summary: Mapping[str, Any], key: str) -> str:
    lines = []
    for pattern, name in BASELINES.items():
        own = pattern.format(key)
        value = summary.get(own)
        if not is_number(value):
            continue
        low, high = summary.get(f"{own}_low"), summary.get(f"{own}_high")
        interval = ""
        if is_number(low) and is_number(high):
            ends = " to ".join(
                score_text(key, end).removesuffix(" %") for end in (low, high)
            )
            interval = f" <small>({ends})</small>"
        share = 100 * min(max(float(value), 0.0), 1.0)
        lines.append(
            f'<tr{" class=own" if own == key else ""}><th scope="row">{name}</th>'
            f'<td><i class="bar"><i style="width:{share:.1f}%"></i></i></td>'
            f"<td><b>{score_text(key, float(value))}</b>{interval}</td></tr>"
        )
    title = html.escape(score_title(key))
    return f'<table class="score"><caption>{title}</caption>{"".join(lines)}</table>'
