# SPDX-License-Identifier: Apache-2.0
"""The metrics of an evaluation by name, each number with its interval."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from cl_keras.evaluate.clustering import clustering
from cl_keras.evaluate.few_labels import FewLabels, few_label_probe
from cl_keras.evaluate.intervals import Spread, bootstrap_interval
from cl_keras.evaluate.knn import features_array
from cl_keras.evaluate.knn_choice import chosen_knn
from cl_keras.evaluate.label_arrays import hits, labels_array
from cl_keras.evaluate.linear_probe import chosen_probe
from cl_keras.evaluate.retrieval import retrieval
from cl_keras.registry import unknown
from cl_keras.score_names import KNN, LINEAR, TRAINED, ends_of

Pair: TypeAlias = tuple[np.ndarray, np.ndarray]

FEW_LABEL_SHARES = (0.01, 0.1)

#: What an interval covers: how far the number moves with others of these. None covers
#: another training.
EXAMPLES, DRAWS = "test examples", "draws of the labels, on the same test examples"
STARTS = "starts of k-means, on the same test examples"


class Measure(NamedTuple):
    """A number with the ends of its 95 % interval, which are NaN if it has none."""

    value: float
    low: float
    high: float
    covers: str = EXAMPLES
    #: Settings that were chosen on the training part, in words.
    chosen: str = ""


#: Numbers by how their names are made (`TRAINED`, ...), and by the score's own name.
Measures: TypeAlias = dict[str, dict[str, Measure]]


class Options(NamedTuple):
    """What metrics may ask for: most neighbours, as `scores` takes them."""

    k: int = 200
    temperature: float = 0.1
    seed: int = 0
    #: Blocks of training features: of the examples, then of changed copies of them,
    #: from which the linear probe alone learns.
    copies: int = 1


def measures(
    metrics: Iterable[str], features: Pair, labels: Pair, options: Options
) -> dict[str, Measure]:
    """Computes metrics of frozen features."""
    numbers: dict[str, Measure] = {}
    train_x, test_x = features
    of_examples = train_x[: len(train_x) // options.copies], test_x
    for metric in metrics:
        if metric not in METRICS:
            raise unknown("metric", metric, METRICS)
        of_metric = features if METRICS[metric] is _linear else of_examples
        numbers |= METRICS[metric](of_metric, labels, options)
    return numbers


def measure_of(outcomes: np.ndarray, chosen: str = "") -> Measure:
    """The mean of per-example outcomes with its interval over examples."""
    return Measure(*bootstrap_interval(outcomes), chosen=chosen)


def flat(
    numbers: Mapping[str, Measure], key: str = TRAINED, *, intervals: bool = True
) -> dict[str, float]:
    """Numbers as a summary holds them."""
    result = {}
    for name, number in numbers.items():
        name = key.format(name)
        result[name] = number.value
        if intervals and math.isfinite(number.low):
            low, high = ends_of(name)
            result |= {low: number.low, high: number.high}
    return result


def remarks(found: Measures) -> dict[str, Any]:
    """What a summary says of its numbers: what was chosen, what intervals cover."""
    covers = {
        name: number.covers
        for name, number in found[TRAINED].items()
        if number.covers != EXAMPLES
    }
    chosen = {
        key.format(name): number.chosen
        for key, numbers in found.items()
        for name, number in numbers.items()
        if number.chosen
    }
    texts = {"intervals": covers, "chosen": chosen}
    return {name: said for name, said in texts.items() if said}


def _knn(features: Pair, labels: Pair, options: Options) -> dict[str, Measure]:
    (train_x, test_x), (train_y, test_y) = features, labels
    truth = labels_array("test_y", test_y, len(features_array("test_x", test_x)))
    k, temperature, seed, _ = options
    predicted, choice = chosen_knn(train_x, train_y, test_x, k, temperature, seed=seed)
    return {KNN: measure_of(hits(predicted, truth), str(choice))}


def _linear(features: Pair, labels: Pair, options: Options) -> dict[str, Measure]:
    (train_x, test_x), (train_y, test_y) = features, labels
    truth = labels_array("test_y", test_y, len(features_array("test_x", test_x)))
    predicted, chosen = chosen_probe(
        train_x, train_y, test_x, seed=options.seed, copies=options.copies
    )
    return {LINEAR: measure_of(hits(predicted, truth), chosen)}


def _few_labels(features: Pair, labels: Pair, options: Options) -> dict[str, Measure]:
    (train_x, test_x), (train_y, test_y) = features, labels
    numbers = {}
    for share in FEW_LABEL_SHARES:
        result = few_label_probe(
            train_x, train_y, test_x, test_y, share=share, standardize=None
        )
        name = f"few_labels_{100 * share:g}_accuracy"
        numbers[name] = _of_seeds(result, DRAWS)
    return numbers


def _retrieval(features: Pair, labels: Pair, options: Options) -> dict[str, Measure]:
    result = retrieval(features[1], labels[1])
    numbers = {
        f"recall_at_{k}": measure_of(result.first_ranks <= k) for k in result.recall
    }
    return numbers | {"mean_average_precision": measure_of(result.average_precisions)}


def _clustering(features: Pair, labels: Pair, options: Options) -> dict[str, Measure]:
    result = clustering(features[1], labels[1])
    return {
        "nmi": _of_seeds(result.nmi, STARTS),
        "ari": _of_seeds(result.ari, STARTS, least=-0.5),
    }


def _of_seeds(spread: Spread | FewLabels, covers: str, least: float = 0.0) -> Measure:
    # A t interval knows no bounds; what lies beyond the possible is no loss.
    low = float(np.maximum(spread.low, least))
    high = float(np.minimum(spread.high, 1.0))
    return Measure(spread.mean, low, high, covers)


#: What computes each of `score_names.FEATURE_METRICS`.
METRICS: dict[str, Callable[[Pair, Pair, Options], dict[str, Measure]]] = {
    "knn": _knn,
    "linear": _linear,
    "few_labels": _few_labels,
    "retrieval": _retrieval,
    "clustering": _clustering,
}
