# SPDX-License-Identifier: Apache-2.0
import importlib
import warnings

import numpy as np
import pytest

from cl_keras.evaluate import linear_probe, linear_probe_predict
from cl_keras.evaluate.standardizing import standardized

pytest.importorskip("sklearn")
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

module = importlib.import_module("cl_keras.evaluate.linear_probe")


@pytest.fixture(scope="module")
def digits():
    data = load_digits()
    return data.data[:1300], data.target[:1300], data.data[1300:], data.target[1300:]


@pytest.mark.parametrize("penalty", [100.0, 10.0])
def test_weights_equal_scikit_learns(digits, penalty):
    x, y, *_ = digits
    x = StandardScaler().fit_transform(x)
    weights, converged = module._fit(x.astype(np.float32), y, 10, penalty)
    oracle = LogisticRegression(C=1 / penalty, tol=1e-8, max_iter=10_000).fit(x, y)
    assert converged
    # Adding one vector to all classes changes no prediction: compare centred.
    centred = weights - weights.mean(axis=1, keepdims=True)
    np.testing.assert_allclose(centred[:-1].T, oracle.coef_, atol=5e-3)
    intercept = oracle.intercept_ - oracle.intercept_.mean()
    np.testing.assert_allclose(centred[-1], intercept, atol=2e-2)


def test_digits(digits):
    x, y, test_x, test_y = digits
    oracle = LogisticRegression(C=0.1, max_iter=10_000)
    scaler = StandardScaler().fit(x)
    oracle.fit(scaler.transform(x), y)
    expected = oracle.score(scaler.transform(test_x), test_y)
    assert linear_probe(x, y, test_x, test_y) >= expected - 0.015
    fixed = linear_probe(x, y, test_x, test_y, regularization=10.0)
    assert abs(fixed - expected) < 0.005


def test_more_features_than_examples(digits):
    x, y, test_x, _ = digits
    # Pixels and products of two: 1,088 features of 200 examples.
    wide, test = (
        np.concatenate([d, d[:, :32].repeat(32, 1) * np.tile(d[:, 32:], 32)], axis=1)
        for d in (x[:200], test_x)
    )
    scaler = StandardScaler().fit(wide)
    oracle = LogisticRegression(C=0.1, tol=1e-8, max_iter=10_000)
    oracle.fit(scaler.transform(wide), y[:200])
    expected = oracle.predict(scaler.transform(test))
    found = linear_probe_predict(wide, y[:200], test, regularization=10.0)
    assert np.mean(found == expected) > 0.995


def test_labels_may_be_any_integers(digits):
    x, y, test_x, _ = digits
    plain = linear_probe_predict(x, y, test_x)
    np.testing.assert_array_equal(
        linear_probe_predict(x, 7 * y - 20, test_x), 7 * plain - 20
    )
    assert plain.dtype == np.int64


def test_scale_offset_and_dead_features_do_not_matter(digits):
    x, y, test_x, _ = digits

    def moved(z):
        return np.pad(1e3 * z + 5e3, ((0, 0), (0, 2)), constant_values=0.1)

    first = linear_probe_predict(x, y, test_x, regularization=10.0)
    second = linear_probe_predict(moved(x), y, moved(test_x), regularization=10.0)
    assert np.mean(first == second) > 0.995


def noise():
    """In many dimensions: weak penalties fit it, strong ones do not."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 300)
    x = rng.normal(size=(300, 200)).astype(np.float32)
    x[:, 0] += 1.5 * y
    return x, y


def test_the_penalty_is_chosen_for_held_out_examples():
    x, y = noise()
    assert module._choose(x, y, 0, module.PENALTIES)[0] >= 100.0


def test_copies_are_learned_from_as_if_each_example_counted_once(digits):
    x, y, test_x, _ = digits
    both = np.concatenate([x, x.reshape(-1, 8, 8)[:, :, ::-1].reshape(-1, 64)])
    found, settings = module.chosen_probe(
        both, y, test_x, regularization=10.0, standardize=True, copies=2
    )
    scaler = StandardScaler().fit(both)
    # The sum of the losses is twice as large: the penalty is too.
    oracle = LogisticRegression(C=0.05, tol=1e-8, max_iter=10_000)
    oracle.fit(scaler.transform(both), np.tile(y, 2))
    expected = oracle.predict(scaler.transform(test_x))
    assert np.mean(found == expected) > 0.995
    assert settings == "standardized, penalty 10"


def test_the_penalty_is_chosen_without_copies():
    x, y = noise()
    # Among copies every held-out example would have its twin, and be fitted.
    settings = module.chosen_probe(np.tile(x, (2, 1)), y, x, copies=2)[1]
    assert float(settings.split("penalty ")[1]) >= 100.0


def test_test_examples_take_part_in_nothing(digits):
    x, y, test_x, _ = digits
    # The other ones would spoil any mean and deviation that they are part of.
    outliers = np.concatenate([test_x[:7], 1000 * test_x[7:]])
    together = linear_probe_predict(x, y, outliers)
    apart = linear_probe_predict(x, y, test_x[:7])
    np.testing.assert_array_equal(together[:7], apart)


def test_moments_work_in_blocks():
    x = np.random.default_rng(0).integers(0, 255, (5000, 1000)).astype(np.uint8)
    (found,) = standardized(x)  # Two blocks of rows.
    expected = (x - x.mean(axis=0)) / x.std(axis=0)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_few_examples():
    x = np.array([[-2.0], [-1.0], [1.0], [2.0]])
    assert linear_probe(x, [0, 0, 1, 1], x, [0, 0, 1, 1]) == 1.0


def test_says_when_it_did_not_converge(digits, monkeypatch):
    x, y, test_x, _ = digits
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        linear_probe_predict(x, y, test_x)
    monkeypatch.setattr(module, "_ITERATIONS", (3, 3))
    with pytest.warns(RuntimeWarning, match="before it converged"):
        linear_probe_predict(x, y, test_x)
    with warnings.catch_warnings():  # Of scores it is one of the settings.
        warnings.simplefilter("error")
        assert module.chosen_probe(x, y, test_x)[1].endswith("limit of iterations")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"train_y": np.full(1300, 3)}, "two classes.*only label 3"),
        ({"test_x": np.zeros((5, 3)), "test_y": np.zeros(5, int)}, "64 and 3"),
        ({"train_y": np.zeros(4, int)}, r"train_y.*\(1300,\).*\(4,\)"),
        ({"train_x": np.full((1300, 64), np.inf)}, "NaN or infinity"),
        ({"test_x": np.zeros((0, 64))}, "test_x"),
        ({"regularization": 0.0}, "Received: regularization=0.0"),
    ],
)
def test_bad_input(digits, change, message):
    names = ("train_x", "train_y", "test_x", "test_y")
    arguments = dict(zip(names, digits, strict=True)) | change
    with pytest.raises(ValueError, match=message):
        linear_probe(**arguments)
