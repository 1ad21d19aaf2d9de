# SPDX-License-Identifier: Apache-2.0
"""The metrics of an evaluation by name, each number with its interval."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple, TypeAlias

import numpy as np

from cl_keras.evaluate.clustering import clustering
from cl_keras.evaluate.few_labels import few_label_probe
from cl_keras.evaluate.intervals import bootstrap_interval
from cl_keras.evaluate.knn import features_array, knn_predict
from cl_keras.evaluate.knn_choice import choose_knn
from cl_keras.evaluate.label_arrays import hits, labels_array
from cl_keras.evaluate.linear_probe import chosen_probe
from cl_keras.evaluate.retrieval import retrieval
from cl_keras.registry import unknown

Pair: TypeAlias = tuple[np.ndarray, np.ndarray]

FEW_LABEL_SHARES = (0.01, 0.1)

#: What an interval covers: how far the number moves with others of these.
EXAMPLES, DRAWS = "test examples", "draws of the labels, on the same test examples"
STARTS = "starts of k-means, on the same test examples"


class Measure(NamedTuple):
    """A number with a 95 % confidence interval.

    Attributes:
        value: The number, from 0 to 1; of `ari` from -0.5.
        low: Lower end, NaN where there is none.
        high: Upper end.
        covers: What the interval covers: other `EXAMPLES`, `DRAWS` or `STARTS`. None
            covers another training.
        chosen: Settings that were chosen on the training part, in words.
    """

    value: float
    low: float
    high: float
    covers: str = EXAMPLES
    chosen: str = ""


class Options(NamedTuple):
    """What metrics may ask for.

    Attributes:
        k: Most neighbours in the kNN vote.
        temperature: Temperature of the kNN vote.
        seed: Draws the probe's validation split.
    """

    k: int = 200
    temperature: float = 0.1
    seed: int = 0


def measures(
    metrics: Iterable[str], features: Pair, labels: Pair, options: Options
) -> dict[str, Measure]:
    """Computes metrics of frozen features."""
    found: dict[str, Measure] = {}
    for metric in metrics:
        if metric not in METRICS:
            raise unknown("metric", metric, METRICS)
        found |= METRICS[metric](features, labels, options)
    return found


def measure_of(outcomes: np.ndarray) -> Measure:
    """The mean of per-example outcomes with its interval over examples."""
    return Measure(*bootstrap_interval(outcomes))


def _knn(features: Pair, labels: Pair, options: Options) -> dict[str, Measure]:
    (train_x, test_x), (train_y, test_y) = features, labels
    test_y = labels_array("test_y", test_y, len(features_array("test_x", test_x)))
    choice = choose_knn(
        train_x, train_y, options.k, options.temperature, seed=options.seed
    )
    found, _ = knn_predict(
        train_x,
        train_y,
        test_x,
        choice.k,
        options.temperature,
        standardize=choice.standardize,
    )
    return {
        "knn_accuracy": measure_of(hits(found, test_y))._replace(chosen=str(choice))
    }


def _linear(features: Pair, labels: Pair, options: Options) -> dict[str, Measure]:
    (train_x, test_x), (train_y, test_y) = features, labels
    test_y = labels_array("test_y", test_y, len(features_array("test_x", test_x)))
    found, chosen = chosen_probe(train_x, train_y, test_x, seed=options.seed)
    return {"linear_accuracy": measure_of(hits(found, test_y))._replace(chosen=chosen)}


def _few_labels(features: Pair, labels: Pair, options: Options) -> dict[str, Measure]:
    (train_x, test_x), (train_y, test_y) = features, labels
    found = {}
    for share in FEW_LABEL_SHARES:
        result = few_label_probe(
            train_x, train_y, test_x, test_y, share=share, standardize=None
        )
        name = f"few_labels_{100 * share:g}_accuracy"
        found[name] = _of_seeds(result.mean, result.low, result.high, DRAWS)
    return found


def _retrieval(features: Pair, labels: Pair, options: Options) -> dict[str, Measure]:
    result = retrieval(features[1], labels[1])
    found = {
        f"recall_at_{k}": measure_of(result.first_ranks <= k) for k in result.recall
    }
    return found | {"mean_average_precision": measure_of(result.average_precisions)}


def _clustering(features: Pair, labels: Pair, options: Options) -> dict[str, Measure]:
    result = clustering(features[1], labels[1])
    nmi, ari = result.nmi, result.ari
    return {
        "nmi": _of_seeds(nmi.mean, nmi.low, nmi.high, STARTS),
        "ari": _of_seeds(ari.mean, ari.low, ari.high, STARTS, least=-0.5),
    }


def _of_seeds(
    mean: float, low: float, high: float, covers: str, least: float = 0.0
) -> Measure:
    # A t interval knows no bounds; what lies beyond the possible is no loss.
    low, high = float(np.maximum(low, least)), float(np.minimum(high, 1.0))
    return Measure(mean, low, high, covers)


METRICS: dict[str, Callable[[Pair, Pair, Options], dict[str, Measure]]] = {
    "knn": _knn,
    "linear": _linear,
    "few_labels": _few_labels,
    "retrieval": _retrieval,
    "clustering": _clustering,
}
