# SPDX-License-Identifier: Apache-2.0
"""What the names of an evaluation's numbers say."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from cl_keras import check
from cl_keras.evaluate.measures import METRICS
from cl_keras.registry import unknown

FINE_TUNE = "fine_tune"
ALL_METRICS = (*METRICS, FINE_TUNE)
#: What an encoder is scored beside.
BASELINES = RANDOM, RAW, FROM_SCRATCH = ("random_init", "raw", "from_scratch")
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
    """Whether a number of `evaluate` is a score of the encoder itself."""
    if name.startswith("raw_") or name.endswith(("_low", "_high", "_random_init")):
        return False
    return _metric_of(name) is not None


def metrics_of(scores: Iterable[str]) -> list[str]:
    """Names the metrics that give scores."""
    found = {_metric_of(score) for score in scores}
    return [metric for metric in ALL_METRICS if metric in found]


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


def _metric_of(name: str) -> str | None:
    starts = (start for start in _METRIC_OF if name.startswith(start))
    return _METRIC_OF.get(next(starts, ""))
