# SPDX-License-Identifier: Apache-2.0
"""What the names of an evaluation's numbers say."""

from __future__ import annotations

from collections.abc import Iterable

from cl_keras.evaluate.measures import METRICS
from cl_keras.registry import unknown

FINE_TUNE = "fine_tune"
ALL_METRICS = (*METRICS, FINE_TUNE)
# The metric that gives a number, by what the number's name begins with.
_METRIC_OF = {
    "knn_": "knn",
    "linear_": "linear",
    "few_labels_": "few_labels",
    "recall_at_": "retrieval",
    "mean_average_precision": "retrieval",
    "nmi": "clustering",
    "ari": "clustering",
    "fine_tune_accuracy": FINE_TUNE,
}


def is_score(name: str) -> bool:
    """Whether a number of `evaluate` is a score of the encoder itself.

    Args:
        name: Its name.

    Returns:
        False for intervals and for random weights, raw inputs and counts.

    Example:
    >>> [n for n in ("knn_accuracy", "knn_accuracy_low", "k", "nmi") if is_score(n)]
    ['knn_accuracy', 'nmi']
    """
    if name.startswith("raw_") or name.endswith(("_low", "_high", "_random_init")):
        return False
    return _metric_of(name) is not None


def metrics_of(scores: Iterable[str]) -> list[str]:
    """Names the metrics that give scores.

    Args:
        scores: Names of scores.

    Returns:
        Names out of `ALL_METRICS`, in their order; none for scores of other makers.

    Example:
    >>> metrics_of(["recall_at_5", "knn_accuracy", "recall_at_1"])
    ['knn', 'retrieval']
    """
    found = {_metric_of(score) for score in scores}
    return [metric for metric in ALL_METRICS if metric in found]


def check_metrics(metrics: Iterable[str]) -> list[str]:
    """Checks names of metrics.

    Args:
        metrics: Names out of `ALL_METRICS`, or `"all"`.

    Returns:
        The names, each once.

    Raises:
        ValueError: If a name is unknown, or there is none.

    Example:
    >>> check_metrics(["knn", "linear", "knn"])
    ['knn', 'linear']
    """
    names = list(dict.fromkeys(metrics))
    if not names:
        raise ValueError(f"Expected metrics: {', '.join(ALL_METRICS)}. Received: none")
    if "all" in names:
        return list(ALL_METRICS)
    for name in names:
        if name not in ALL_METRICS:
            raise unknown("metric", name, [*ALL_METRICS, "all"])
    return names


def _metric_of(name: str) -> str | None:
    starts = (start for start in _METRIC_OF if name.startswith(start))
    return _METRIC_OF.get(next(starts, ""))
