# SPDX-License-Identifier: Apache-2.0
"""The table of scores: which metric gives each, its title, format and baselines.

The only place that spells their names. What computes a metric is named in
`cl_keras.evaluate.measures`: cards of the zoo are read and written without it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import NamedTuple

from cl_keras import check
from cl_keras.registry import unknown


class Score(NamedTuple):
    """A row of the table; shares are of examples, and are written in percent."""

    metric: str
    title: str
    is_share: bool = True


#: Metrics of frozen features, in the order in which they are computed.
FEATURE_METRICS = ("knn", "linear", "few_labels", "retrieval", "clustering")
FINE_TUNE = "fine_tune"
ALL_METRICS = (*FEATURE_METRICS, FINE_TUNE)

KNN, LINEAR, FINE_TUNED = "knn_accuracy", "linear_accuracy", "fine_tune_accuracy"
#: Scores in the order of the report.
SCORES = {
    LINEAR: Score("linear", "Linear probe"),
    KNN: Score("knn", "Weighted kNN"),
    "few_labels_1_accuracy": Score("few_labels", "Linear probe, 1 % of the labels"),
    "few_labels_10_accuracy": Score("few_labels", "Linear probe, 10 % of the labels"),
    FINE_TUNED: Score(FINE_TUNE, "Fine-tuned"),
    "mean_average_precision": Score("retrieval", "Retrieval, mean average precision"),
    "recall_at_1": Score("retrieval", "Retrieval, recall at 1"),
    "recall_at_5": Score("retrieval", "Retrieval, recall at 5"),
    "recall_at_10": Score("retrieval", "Retrieval, recall at 10"),
    "nmi": Score("clustering", "Clustering, NMI", is_share=False),
    "ari": Score("clustering", "Clustering, ARI", is_share=False),
}

#: Names of the same score of the encoder, of the weights that training started from,
#: of fresh weights and of the inputs.
TRAINED, START, RANDOM_INIT, RAW = "{}", "{}_start", "{}_random_init", "raw_{}"
TITLES = {
    TRAINED: "Trained encoder",
    START: "Starting weights",
    RANDOM_INIT: "Random weights",
    RAW: "Raw inputs",
}

#: What an encoder can be scored beside: the network with random weights, the inputs
#: themselves, the network trained on the labels of fine-tuning alone.
BASELINES = RANDOM, INPUTS, FROM_SCRATCH = ("random_init", "raw", "from_scratch")


def baselines_of(score: str) -> tuple[str, str]:
    """Names a score's baselines: of fresh weights, and of the raw inputs."""
    return RANDOM_INIT.format(score), RAW.format(score)


def ends_of(score: str) -> tuple[str, str]:
    """Names the ends of a score's confidence interval."""
    return f"{score}_low", f"{score}_high"


def is_end(name: str) -> bool:
    """Whether a number of a summary is an end of a confidence interval."""
    return name.endswith(ends_of(""))


def title_of(score: str) -> str:
    """What a score is called."""
    return SCORES[score].title if score in SCORES else score.replace("_", " ")


def metrics_of(scores: Iterable[str]) -> list[str]:
    """Names the metrics that give scores."""
    metrics = {SCORES[score].metric for score in scores if score in SCORES}
    return [metric for metric in ALL_METRICS if metric in metrics]


def check_metrics(metrics: Iterable[str]) -> list[str]:
    """Checks names of metrics."""
    names = list(dict.fromkeys(metrics))
    if not names:
        raise ValueError(f"Expected metrics: {', '.join(ALL_METRICS)}. Received: none")
    if "all" in names:
        return list(ALL_METRICS)
    for name in names:
        if name not in ALL_METRICS:
            raise unknown("metric", name, [*ALL_METRICS, "all"])
    return names


def baseline_names(baselines: bool | Collection[str]) -> tuple[str, ...]:
    """Names of baselines: all, none, or some by name."""
    if isinstance(baselines, bool):
        return BASELINES if baselines else ()
    for name in (names := tuple(baselines)):
        check.one_of("baseline", name, BASELINES)
    return names
