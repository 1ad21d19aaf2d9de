# SPDX-License-Identifier: Apache-2.0
"""The best simple settings are found on the training part, and used."""

import numpy as np
import pytest

from cl_keras import evaluate
from cl_keras.evaluate.measures import Options, measures
from cl_keras.evaluate.standardizing import standardized

preprocessing = pytest.importorskip("sklearn.preprocessing", reason="needs [eval]")


def far_from_zero(rows=200):
    """Two classes told apart by a small feature beside a loud one, far from zero."""
    rng = np.random.default_rng(0)
    labels = np.arange(rows) % 2
    loud = rng.normal(0.0, 8.0, rows)
    small = labels + rng.normal(0.0, 0.2, rows)
    return np.stack([loud, small, np.full(rows, 70.0)], axis=1), labels


def test_it_is_scikit_learns_and_constants_become_zero():
    x, _ = far_from_zero()
    train, test = standardized(x[:100], x[100:])
    scaler = preprocessing.StandardScaler().fit(x[:100])
    np.testing.assert_allclose(train, scaler.transform(x[:100]), atol=1e-4)
    np.testing.assert_allclose(test, scaler.transform(x[100:]), atol=1e-4)
    assert not train[:, 2].any()
    alike = standardized(x[:100], each=False)[0]
    np.testing.assert_allclose(
        alike[:, 0].std() / alike[:, 1].std(),
        x[:100, 0].std() / x[:100, 1].std(),
        rtol=1e-4,
    )
    assert not alike[:, 2].any()
    # A unit that rounding moves is as dead.
    moved = (3.0 + 1e-7 * np.arange(9)[:, None]).astype(np.float32)
    assert np.abs(standardized(moved)[0]).max() < 1e-5


def test_knn_of_standardized_features_is_asked_for_and_chosen():
    x, y = far_from_zero()
    parts = x[:100], y[:100], x[100:], y[100:]
    plain = evaluate.knn(*parts, k=5)
    better = evaluate.knn(*parts, k=5, standardize=True)
    assert better > plain + 0.1
    train, test = standardized(x[:100], x[100:])
    assert better == evaluate.knn(train, y[:100], test, y[100:], k=5)
    choice = evaluate.choose_knn(x[:100], y[:100], k=50)
    assert choice.standardize and choice.k in (50, 20, 5, 1)
    found = measures(["knn"], (x[:100], x[100:]), (y[:100], y[100:]), Options(50))
    assert found["knn_accuracy"].value >= better - 0.05
    assert found["knn_accuracy"].chosen == str(choice)


def test_the_choice_leaves_each_example_out():
    """Labels at random: an example that voted for itself would be right at k=1."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(120, 3)), rng.integers(0, 2, 120)
    y[:90] = 0
    assert evaluate.choose_knn(x, y, k=60).k == 60


@pytest.mark.slow
def test_scores_say_what_was_chosen_and_what_intervals_cover():
    x, y = far_from_zero()
    pair, labels = (x[:100], x[100:]), (y[:100], y[100:])
    found = evaluate.scores_beside(
        None, lambda _: pair, pair, labels, k=20, random_init=False, intervals=True,
        metrics=["knn", "linear", "few_labels", "clustering"],
    )  # fmt: skip
    assert found["raw_knn_accuracy"] == found["knn_accuracy"] > 0.85
    assert found["chosen"]["raw_knn_accuracy"].startswith("standardized, k=")
    assert "penalty" in found["chosen"]["linear_accuracy"]
    assert "draws of the labels" in found["intervals"]["few_labels_10_accuracy"]
    assert "starts of k-means" in found["intervals"]["nmi"]
    assert "knn_accuracy" not in found["intervals"]


@pytest.mark.slow
def test_words_are_better_without_their_own_scales():
    """Of sparse counts, rare words would be blown up: the probe finds that out."""
    rng = np.random.default_rng(0)
    y = np.arange(120) % 3
    words = (rng.random((120, 2000)) < 0.01).astype(float)
    words[np.arange(120), y] += 3.0
    parts = words[:60], y[:60], words[60:], y[60:]
    both = evaluate.linear_probe(*parts, standardize=None)
    assert both >= evaluate.linear_probe(*parts) + 0.1
