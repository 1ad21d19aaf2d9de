# SPDX-License-Identifier: Apache-2.0
import importlib
import subprocess
import sys
import textwrap

import ml_dtypes
import numpy as np
import pytest

from cl_keras.evaluate import knn, knn_predict, nearest

module = importlib.import_module("cl_keras.evaluate.knn")


def draw(n, m, dim=7, classes=4):
    rng = np.random.default_rng(0)
    bank, queries = rng.normal(size=(n, dim)), rng.normal(size=(m, dim))
    return bank, rng.integers(0, classes, n), queries, rng.integers(0, classes, m)


def cosines(bank, queries):
    bank = bank / np.linalg.norm(bank, axis=1, keepdims=True)
    return (queries / np.linalg.norm(queries, axis=1, keepdims=True)) @ bank.T


def slow_vote(bank, labels, queries, k, temperature):
    answers = []
    for row in cosines(bank, queries):
        totals = {}
        for i in np.argsort(-row, kind="stable")[:k]:
            totals[labels[i]] = totals.get(labels[i], 0) + np.exp(row[i] / temperature)
        answers.append(max(sorted(totals), key=totals.get))
    return np.array(answers)


@pytest.mark.parametrize("k", [1, 5, 40, 61])
@pytest.mark.parametrize("blocks", [(12_000_000, 8_000_000), (70, 60), (7, 1)])
def test_nearest_equals_a_full_sort_whatever_the_blocks(monkeypatch, k, blocks):
    monkeypatch.setattr(module, "_BANK_BLOCK", blocks[0])
    monkeypatch.setattr(module, "_SIMILARITY_BLOCK", blocks[1])
    bank, _, queries, _ = draw(61, 23)
    indices, similarities = nearest(bank, queries, k)
    full = cosines(bank, queries)
    np.testing.assert_array_equal(indices, np.argsort(-full, axis=1)[:, :k])
    np.testing.assert_allclose(
        similarities, np.sort(full, axis=1)[:, ::-1][:, :k], atol=1e-6
    )


@pytest.mark.parametrize("blocks", [8_000_000, 30])
@pytest.mark.parametrize("temperature", [0.07, 1.0])
def test_vote_equals_the_slow_one(monkeypatch, temperature, blocks):
    monkeypatch.setattr(module, "_SIMILARITY_BLOCK", blocks)
    bank, labels, queries, truth = draw(80, 50)
    labels, truth = labels * 10 - 5, truth * 10 - 5  # Not 0, 1, 2, ...
    predicted, indices = knn_predict(bank, labels, queries, 9, temperature)
    expected = slow_vote(bank, labels, queries, 9, temperature)
    np.testing.assert_array_equal(predicted, expected)
    assert predicted.dtype == np.int64 and indices.shape == (50, 9)
    accuracy = knn(bank, labels, queries, truth, 9, temperature)
    assert accuracy == np.mean(expected == truth)


def test_near_neighbours_outvote_a_far_majority():
    bank = np.array([[1, 0.0], [0, 1], [-0.1, 1]])
    query = np.array([[1, 0.1]])
    assert knn_predict(bank, [0, 1, 1], query, 3, 0.1)[0] == [0]
    assert knn_predict(bank, [0, 1, 1], query, 3, 100.0)[0] == [1]


def test_small_temperature_does_not_overflow():
    bank, labels, queries, _ = draw(30, 20)
    hard, _ = knn_predict(bank, labels, queries, 30, 1e-6)
    np.testing.assert_array_equal(hard, labels[nearest(bank, queries, 1)[0][:, 0]])


def test_k_is_clipped_to_the_bank():
    bank, labels, queries, truth = draw(10, 6)
    assert nearest(bank, queries, 200)[0].shape == (6, 10)
    assert knn(bank, labels, queries, truth) == knn(bank, labels, queries, truth, 10)


@pytest.mark.parametrize("dtype", [np.uint8, np.float16, ml_dtypes.bfloat16])
def test_other_dtypes(dtype):
    bank = np.random.default_rng(0).integers(1, 200, (40, 6))
    indices, _ = nearest(bank.astype(dtype), bank.astype(dtype), 1)
    np.testing.assert_array_equal(
        indices, nearest(bank.astype(dtype).astype(np.float64), bank, 1)[0]
    )


def test_zero_vectors_are_like_nothing():
    _, similarities = nearest(np.eye(3), np.zeros((1, 3)), 3)
    np.testing.assert_array_equal(similarities, np.zeros((1, 3)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"k": 0}, "k=0"),
        ({"temperature": 0.0}, "Received: temperature=0.0"),
        ({"train_x": np.zeros((0, 7))}, r"train_x.*\(0, 7\)"),
        ({"train_x": np.zeros(10)}, r"train_x.*\(10,\)"),
        ({"train_x": np.ones((10, 3))}, "3 and 7"),
        ({"train_x": np.full((10, 7), np.nan)}, "10 of 10 rows with NaN"),
        ({"train_x": np.full((10, 7), "a")}, "must be numbers"),
        ({"train_y": np.zeros(9, int)}, r"train_y.*\(10,\).*\(9,\)"),
        ({"train_y": np.full(10, 0.5)}, "`train_y` of whole numbers.*0.5"),
        ({"test_y": np.zeros((6, 2), int)}, "`test_y`.*one-hot.*row 0"),
    ],
)
def test_bad_input(change, message):
    bank, labels, queries, truth = draw(10, 6)
    arguments = dict(train_x=bank, train_y=labels, test_x=queries, test_y=truth)
    with pytest.raises(ValueError, match=message):
        knn(**(arguments | change))


@pytest.mark.slow
def test_memory_is_bounded():
    # A full similarity matrix would take 900 MB.
    script = """
        import resource
        import numpy as np
        from cl_keras.evaluate import nearest
        x = np.random.default_rng(0).normal(size=(15_000, 16)).astype(np.float32)
        nearest(x[:500], x[:500], 200)
        def peak():
            return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        before = peak()
        nearest(x, x, 200)
        print((peak() - before) / 1024)
    """
    result = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert float(result.stdout.split()[-1]) < 250
