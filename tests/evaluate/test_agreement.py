# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from cl_keras.evaluate import agreement


def draw(shape, seed=0):
    return np.random.default_rng(seed).normal(0.2, 1.0, shape).astype(np.float32)


def rotation(size, seed=0):
    return np.linalg.qr(draw((size, size), seed).astype(np.float64))[0]


def slow_nearest(index, query, own, k):
    """One query at a time, by the cosine of each pair."""
    cosines = [
        (-(query @ x) / (np.linalg.norm(query) * np.linalg.norm(x)), row)
        for row, x in enumerate(index)
        if row != own
    ]
    return {row for _, row in sorted(cosines)[:k]}


def slow_overlap(a, b, k):
    pairs = (
        (slow_nearest(a, a[i], i, k), slow_nearest(b, b[i], i, k))
        for i in range(len(a))
    )
    return [len(first & second) / k for first, second in pairs]


def slow_recall(index, queries, k):
    pairs = (
        (slow_nearest(index, index[i], i, k), slow_nearest(index, queries[i], i, k))
        for i in range(len(index))
    )
    return [len(wanted & found) / k for wanted, found in pairs]


def slow_cka(a, b):
    """From the definition: the alignment of centred Gram matrices."""
    n = len(a)
    centring = np.eye(n) - np.full((n, n), 1 / n)

    def hsic(x, y):
        x, y = x.astype(np.float64), y.astype(np.float64)
        return np.trace(x @ x.T @ centring @ y @ y.T @ centring)

    return hsic(a, b) / np.sqrt(hsic(a, a) * hsic(b, b))


@pytest.mark.parametrize("k", [1, 7, 38])
def test_neighbours_equal_slow_numpy(k):
    a = draw((39, 6))
    b = a + 0.5 * draw((39, 6), 1)
    wide = np.concatenate([b, draw((39, 3), 2)], axis=1)
    np.testing.assert_allclose(
        agreement.neighbor_overlap(a, wide, k), slow_overlap(a, wide, k)
    )
    np.testing.assert_allclose(agreement.cross_recall(a, b, k), slow_recall(a, b, k))


@pytest.mark.parametrize("shapes", [((40, 6), (40, 9)), ((8, 20), (8, 30))])
def test_cka_equals_the_definition(shapes):
    a, b = draw(shapes[0]), draw(shapes[1], 1)
    b[:, :5] += a[:, :5]
    assert agreement.linear_cka(a, b) == pytest.approx(slow_cka(a, b), rel=1e-9)
    assert 0.05 < agreement.linear_cka(a, b) < 0.95


def test_drifts_equal_slow_numpy():
    a, b = draw((20, 5)), draw((20, 5), 1)
    lengths = [
        (np.sqrt(sum(x * x)), np.sqrt(sum(y * y))) for x, y in zip(a, b, strict=True)
    ]
    np.testing.assert_allclose(
        agreement.norm_drift(a, b),
        [(second - first) / max(first, second) for first, second in lengths],
        rtol=1e-5,
    )
    np.testing.assert_allclose(
        agreement.cosine_drift(a, b),
        [1 - x @ y / (m * n) for x, y, (m, n) in zip(a, b, lengths, strict=True)],
        rtol=1e-4,
    )


def test_rotated_features_find_the_same_in_an_index_of_their_own_only():
    n, k = 400, 10
    a = draw((n, 32))
    b = (3.0 * a) @ rotation(32)
    assert agreement.neighbor_overlap(a, b, k).mean() > 0.999
    assert agreement.linear_cka(a, b) == pytest.approx(1.0, abs=1e-6)
    np.testing.assert_allclose(agreement.norm_drift(a, b), 2 / 3, rtol=1e-5)
    # Chance is k / (n - 1) = 0.025.
    assert agreement.cross_recall(a, b, k).mean() < 0.1
    assert agreement.cosine_drift(a, b).mean() > 0.5


def test_unrelated_features_agree_by_chance():
    n, k = 1000, 20
    a, b = draw((n, 16)), draw((n, 16), 1)
    overlap = agreement.neighbor_overlap(a, b, k).mean()
    assert overlap == pytest.approx(k / (n - 1), abs=0.01)
    assert agreement.linear_cka(a, b) < 0.05


def test_an_encoder_agrees_with_itself():
    a = draw((50, 8))
    assert (agreement.neighbor_overlap(a, a, 5) == 1).all()
    assert (agreement.cross_recall(a, a, 5) == 1).all()
    assert agreement.linear_cka(a, a) == pytest.approx(1.0)
    np.testing.assert_allclose(agreement.cosine_drift(a, a), 0, atol=1e-7)
    assert not agreement.norm_drift(a, a).any()


def test_many_copies_of_one_example_count_as_neighbours():
    # More copies than neighbours: an example need not be among its own nearest.
    a = np.repeat(np.eye(2, dtype=np.float32), 30, axis=0)
    assert (agreement.neighbor_overlap(a, a, 3) == 1).all()


def test_collapsed_and_zero_features():
    a, same = draw((50, 8)), np.full((50, 3), 0.1, np.float32)
    assert agreement.linear_cka(a, same) == 0
    assert agreement.linear_cka(same, same) == 0
    zero = np.zeros((50, 8))
    assert (agreement.norm_drift(a, zero) == -1).all()
    assert (agreement.norm_drift(zero, zero) == 0).all()
    assert (agreement.cosine_drift(a, zero) == 1).all()
    assert (agreement.cosine_drift(zero, zero) == 0).all()


def test_huge_and_tiny_features_have_no_scale():
    a, b = draw((40, 6)), draw((40, 9), 1)
    expected = agreement.linear_cka(a, b)
    for scale in (1e-30, 1e30):
        assert agreement.linear_cka(a * scale, b) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("function", "arguments", "message"),
    [
        ("neighbor_overlap", (draw((4, 2)), draw((5, 2))), "4 and 5 rows"),
        ("cross_recall", (draw((4, 2)), draw((4, 3))), "2 and 3 features"),
        ("cosine_drift", (draw((4, 2)), draw((4, 3))), "2 and 3 features"),
        ("linear_cka", (draw((4,)), draw((4,))), "shape"),
        ("norm_drift", (draw((4, 2)), np.full((4, 2), np.nan)), "finite"),
        ("neighbor_overlap", (draw((4, 2)), draw((4, 2)), 4), "from 1 to 3"),
        ("cross_recall", (draw((4, 2)), draw((4, 2)), 0), "from 1 to 3"),
    ],
)
def test_what_cannot_be_compared_is_refused(function, arguments, message):
    with pytest.raises(ValueError, match=message):
        getattr(agreement, function)(*arguments)
