# SPDX-License-Identifier: Apache-2.0
"""Scores beside their baselines, as the pages write them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from cl_keras.show.charts import is_number

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
    titled = [key for key in TITLES if is_number(summary.get(key))]
    others = [
        key
        for key, value in summary.items()
        if key not in TITLES
        and not key.endswith(("_low", "_high"))  # Ends of an interval.
        and is_number(value)
        and (f"{key}_random_init" in summary or f"raw_{key}" in summary)
    ]
    return titled + others


def score_title(key: str) -> str:
    """What a score is called."""
    return TITLES.get(key, key.replace("_", " "))


def score_text(key: str, value: float) -> str:
    """A score as it is written: shares in percent, indices as they are."""
    return f"{value:.3f}" if key in ("nmi", "ari") else f"{100 * value:.1f} %"


def score_lines(summary: Mapping[str, Any], key: str) -> Iterator[dict[str, Any]]:
    """A score of the trained encoder and of what it is compared with."""
    for pattern, name in BASELINES.items():
        score = pattern.format(key)
        value, low, high = (summary.get(score + end) for end in ("", "_low", "_high"))
        if not is_number(value):
            continue
        interval = ""
        if is_number(low) and is_number(high):
            texts = (score_text(key, end).removesuffix(" %") for end in (low, high))
            interval = f" ({' to '.join(texts)})"
        yield {
            "name": name,
            "trained": score == key,
            "share": 100 * min(max(float(value), 0.0), 1.0),
            "text": score_text(key, float(value)),
            "interval": interval,
        }
