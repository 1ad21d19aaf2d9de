# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from cl_keras.evaluate import view_pairs

RNG = np.random.default_rng(0)


def test_separation_is_the_area_under_the_roc_curve():
    positive = np.round(RNG.normal(0.6, 0.3, size=200), 1)  # Rounded: there are ties.
    negative = np.round(RNG.normal(0.1, 0.3, size=300), 1)
    truth = [1] * 200 + [0] * 300
    expected = roc_auc_score(truth, np.concatenate([positive, negative]))
    assert view_pairs.separation(positive, negative) == pytest.approx(expected)


def test_pairs_are_those_of_a_double_loop():
    view1, view2 = RNG.normal(size=(2, 7, 3))
    positive, negative = view_pairs.pair_similarities(view1, view2)
    cosine = [
        [a @ b / np.linalg.norm(a) / np.linalg.norm(b) for b in view2] for a in view1
    ]
    np.testing.assert_allclose(positive, np.diag(cosine), rtol=1e-4)
    others = [cosine[i][j] for i in range(7) for j in range(7) if i != j]
    np.testing.assert_allclose(negative, others, rtol=1e-4)
    positive, negative = view_pairs.pair_similarities(*RNG.normal(size=(2, 3000, 4)))
    assert len(positive) == 1000 and len(negative) == 1000 * 999


def test_histogram_counts_all_pairs_even_where_all_are_alike():
    positive, negative = np.ones(5, np.float32), np.array([-1.0, 0.0, 1.0])
    edges, first, second = view_pairs.similarity_histogram(positive, negative, 4)
    assert edges.tolist() == [-1, -0.5, 0, 0.5, 1]
    assert first.tolist() == [0, 0, 0, 1]
    np.testing.assert_allclose(second, [1 / 3, 0, 1 / 3, 1 / 3])
    _, first, second = view_pairs.similarity_histogram(positive, positive)
    assert first.sum() == second.sum() == 1


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="0 positive"):
        view_pairs.separation(np.ones(0), np.ones(3))
    with pytest.raises(ValueError, match="bins=0"):
        view_pairs.similarity_histogram([1.0], [1.0], 0)
    with pytest.raises(ValueError, match="row for row"):
        view_pairs.pair_similarities(np.ones((3, 2)), np.ones((2, 2)))
