# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from cl_keras.evaluate import few_label_probe, linear_probe
from cl_keras.evaluate.few_labels import few_labels_of

linear_model = pytest.importorskip("sklearn.linear_model", reason="needs [eval]")


@pytest.fixture(scope="module")
def digits():
    from sklearn.datasets import load_digits

    data = load_digits()
    return data.data[:1000], data.target[:1000], data.data[1000:], data.target[1000:]


def test_one_label_a_class_is_scikit_learns_regression(digits):
    train_x, train_y, test_x, test_y = digits
    result = few_label_probe(*digits, per_class=1, seeds=[0, 1, 2])
    expected = []
    for seed in range(3):
        rows = few_labels_of(train_y, per_class=1, seed=seed)
        x = train_x[rows]
        mean, scale = x.mean(axis=0), x.std(axis=0)
        scale[scale == 0] = 1
        model = linear_model.LogisticRegression(C=1.0, tol=1e-8, max_iter=5000)
        model.fit((x - mean) / scale, train_y[rows])
        expected.append(model.score((test_x - mean) / scale, test_y))
    np.testing.assert_allclose(result.accuracies, expected, atol=0.004)
    assert result.labels == 10
    assert result.mean == pytest.approx(np.mean(result.accuracies))
    assert result.sd == pytest.approx(np.std(result.accuracies, ddof=1))
    assert result.low < result.mean < result.high


@pytest.mark.slow
def test_more_labels_are_better_and_all_are_the_linear_probe(digits):
    one, ten = (few_label_probe(*digits, share=share) for share in (0.01, 0.1))
    assert (one.labels, ten.labels) == (10, 100)
    everything = few_label_probe(*digits, share=1.0, seeds=[3])
    assert everything.accuracies == (linear_probe(*digits, seed=3),)
    assert one.mean < ten.mean < everything.mean
    assert one == few_label_probe(*digits, share=0.01)


def test_the_draw_is_balanced_and_repeats():
    labels = np.random.default_rng(0).permutation(np.repeat([2, 5, 9], [500, 80, 20]))
    rows = few_labels_of(labels, share=0.1, seed=4)
    # 60 of 600: 20 a class.
    assert np.unique(labels[rows], return_counts=True)[1].tolist() == [20, 20, 20]
    np.testing.assert_array_equal(rows, few_labels_of(labels, share=0.1, seed=4))
    assert not np.array_equal(rows, few_labels_of(labels, share=0.1, seed=5))
    # At least one a class; a small class gives what it has.
    assert sorted(labels[few_labels_of(labels, share=1e-6)]) == [2, 5, 9]
    counts = np.unique(labels[few_labels_of(labels, share=0.5)], return_counts=True)[1]
    assert counts.tolist() == [100, 80, 20]
    assert len(few_labels_of(labels, share=1.0)) == 600


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"share": 0.0}, "share=0.0"),
        ({"share": 1.5}, "share=1.5"),
        ({"per_class": 0}, "per_class=0"),
        ({"per_class": 4}, r"smallest class, 3 \(label 1\).*per_class=4"),
        ({"seeds": []}, "at least one draw"),
    ],
)
def test_wrong_numbers_are_named(options, message):
    x, y = np.arange(8.0)[:, None], np.repeat([0, 1], [5, 3])
    with pytest.raises(ValueError, match=message):
        few_label_probe(x, y, x, y, **options)


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (np.ones((0, 3)), np.zeros(0, int), "train_x"),
        (np.ones((4, 3)), np.zeros(4, int), "two classes"),
        (np.full((4, 3), np.nan), np.array([0, 0, 1, 1]), "must be finite"),
        (np.ones((4, 3)), np.zeros(3, int), "train_y"),
    ],
)
def test_bad_input(x, y, message):
    with pytest.raises(ValueError, match=message):
        few_label_probe(x, y, np.ones((2, 3)), [0, 1])
    with pytest.raises(ValueError, match="Received: none"):
        few_labels_of(np.zeros(0, int))
