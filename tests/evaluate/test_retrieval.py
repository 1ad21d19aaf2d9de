# SPDX-License-Identifier: Apache-2.0
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from cl_keras.evaluate import retrieval

module = sys.modules["cl_keras.evaluate.retrieval"]
metrics = pytest.importorskip("sklearn.metrics", reason="needs the extra [eval]")


def draw(rows=90, classes=4, seed=0):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, rows) * 3
    features = rng.normal(size=(rows, 5)) + rng.normal(size=(classes * 3, 5))[labels]
    return features, labels


def slow(features, labels, ks):
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    cosines = unit @ unit.T
    recall, precisions = {k: [] for k in ks}, []
    for query in range(len(labels)):
        others = np.delete(np.arange(len(labels)), query)
        right = labels[others] == labels[query]
        if not right.any():
            continue
        order = np.argsort(-cosines[query, others])
        for k in ks:
            recall[k].append(right[order[:k]].any())
        precisions.append(
            metrics.average_precision_score(right, cosines[query, others])
        )
    return {k: np.mean(v) for k, v in recall.items()}, precisions


@pytest.mark.parametrize("block", [None, 200])
def test_against_a_slow_search_and_scikit_learn(block, monkeypatch):
    if block:  # Two queries a block, and a last one alone.
        monkeypatch.setattr(module, "_BLOCK", block)
    features, labels = draw(91)
    found = retrieval(features, labels, ks=[1, 5, 10, 500])
    recall, precisions = slow(features, labels, [1, 5, 10, 500])
    assert found.recall == pytest.approx(recall)
    np.testing.assert_allclose(found.average_precisions, precisions, rtol=1e-5)
    assert found.mean_average_precision == pytest.approx(np.mean(precisions))
    assert found.left_out == () and len(found.queries) == 91


def test_a_class_of_one_is_named_and_stays_among_the_results():
    features, labels = draw()
    labels[[7, 20]] = 100, 101
    found = retrieval(features, labels)
    recall, precisions = slow(features, labels, [1, 5, 10])
    assert found.left_out == (100, 101)
    assert set(range(90)) - set(found.queries) == {7, 20}
    assert found.recall == pytest.approx(recall)
    np.testing.assert_allclose(found.average_precisions, precisions, rtol=1e-5)


def test_a_query_is_not_its_own_result():
    # Without leaving the query out, each would find itself first.
    features = np.eye(4)[[0, 1, 0, 1]] + 0.01 * np.eye(4)
    found = retrieval(features, [0, 0, 1, 1], ks=[1])
    assert found.recall == {1: 0.0}


def test_one_vector_for_all_finds_nothing():
    labels = np.repeat(np.arange(10), 20)
    found = retrieval(np.ones((200, 8)), labels)
    assert found.recall == {1: 0.0, 5: 0.0, 10: 0.0}
    # What scikit-learn gives for equal scores: the share of right answers.
    assert found.mean_average_precision == pytest.approx(19 / 199)


def test_perfect_features():
    labels = np.repeat(np.arange(5), 4)
    found = retrieval(np.eye(5)[labels], labels)
    assert set(found.recall.values()) == {1.0}
    assert found.mean_average_precision == 1.0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ks": []}, r"ks=\[\]"),
        ({"ks": [0, 1]}, r"ks=\[0, 1\]"),
        ({"labels": np.arange(90)}, "90 examples of 90 classes"),
        ({"features": np.full((90, 5), np.inf)}, "must be finite"),
        ({"features": np.ones((0, 5)), "labels": np.zeros(0, int)}, "features"),
        ({"labels": np.zeros(89, int)}, "labels"),
    ],
)
def test_bad_input(change, message):
    features, labels = draw()
    with pytest.raises(ValueError, match=message):
        retrieval(**({"features": features, "labels": labels} | change))


@pytest.mark.slow
def test_memory_is_bounded():
    # A full similarity matrix would take 900 MB.
    script = """
        import resource
        import numpy as np
        from cl_keras.evaluate import retrieval
        rng = np.random.default_rng(0)
        x = rng.normal(size=(15_000, 16)).astype(np.float32)
        y = np.arange(15_000) // 2
        retrieval(x[:800], y[:800])
        def peak():
            return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        before = peak()
        retrieval(x, y)
        print((peak() - before) / 1024)
    """
    result = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert float(result.stdout.split()[-1]) < 200
