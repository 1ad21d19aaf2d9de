# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from cl_keras import evaluate
from cl_keras.evaluate.measures import METRICS, Measure, Options, flat, measures
from cl_keras.score_names import ALL_METRICS, FEATURE_METRICS, SCORES

pytest.importorskip("sklearn", reason="needs the extra [eval]")


def blobs(rows, seed):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, rows)
    return 1.5 * np.eye(6)[labels] + rng.normal(size=(rows, 6)), labels


@pytest.mark.slow
def test_each_number_is_that_of_its_own_function():
    (x, y), (test_x, test_y) = blobs(120, 0), blobs(90, 1)
    found = measures(METRICS, (x, test_x), (y, test_y), Options(k=7, seed=2))
    retrieval = evaluate.retrieval(test_x, test_y)
    clustering = evaluate.clustering(test_x, test_y)
    choice = evaluate.choose_knn(x, y, k=7, seed=2)
    settings = {"k": choice.k, "standardize": choice.standardize}
    scale = {"standardize": None}
    few, more = (
        evaluate.few_label_probe(x, y, test_x, test_y, share=share, **scale).mean
        for share in (0.01, 0.1)
    )
    expected = {
        "knn_accuracy": evaluate.knn(x, y, test_x, test_y, **settings),
        "linear_accuracy": evaluate.linear_probe(x, y, test_x, test_y, seed=2, **scale),
        "few_labels_1_accuracy": few,
        "few_labels_10_accuracy": more,
        **{f"recall_at_{k}": retrieval.recall[k] for k in (1, 5, 10)},
        "mean_average_precision": retrieval.mean_average_precision,
        "nmi": clustering.nmi.mean,
        "ari": clustering.ari.mean,
    }
    assert {name: number.value for name, number in found.items()} == pytest.approx(
        expected
    )
    computed = {name for name, score in SCORES.items() if score.metric in METRICS}
    assert set(found) == computed
    for name, (value, low, high, *_) in found.items():
        assert -0.5 <= low <= value <= high <= 1, name
    hits = evaluate.knn_predict(x, y, test_x, **settings)[0] == test_y
    assert found["knn_accuracy"][:3] == evaluate.bootstrap_interval(hits)
    assert found["nmi"].low == clustering.nmi.low


def test_intervals_stay_within_what_is_possible():
    x, y = np.repeat(np.eye(2), 6, axis=0), np.repeat([0, 1], 6)
    noisy = np.where(np.arange(12) == 3, 1 - y, y)
    found = measures(["few_labels", "clustering"], (x, x), (y, noisy), Options())
    for value, low, high, *_ in found.values():
        assert -0.5 <= low <= value <= high <= 1


def test_flat_leaves_out_intervals_that_are_not_there():
    numbers = {"a": Measure(0.5, 0.25, 0.75), "b": Measure(0.5, np.nan, np.nan)}
    assert flat(numbers, "raw_{}") == {
        "raw_a": 0.5, "raw_a_low": 0.25, "raw_a_high": 0.75, "raw_b": 0.5,
    }  # fmt: skip
    assert flat(numbers, intervals=False) == {"a": 0.5, "b": 0.5}


def test_the_table_of_scores_names_the_metrics():
    assert tuple(METRICS) == FEATURE_METRICS
    assert {score.metric for score in SCORES.values()} == set(ALL_METRICS)


def test_unknown_metrics_are_named():
    x, y = blobs(10, 0)
    with pytest.raises(ValueError, match="Did you mean 'retrieval'"):
        measures(["retreival"], (x, x), (y, y), Options())
