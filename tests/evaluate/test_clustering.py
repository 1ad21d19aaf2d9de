# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from cl_keras.evaluate import clustering

pytest.importorskip("sklearn", reason="needs the extra [eval]")


def pair_counting_ari(one, other):
    """Hubert & Arabie's index from all pairs of examples."""
    upper = np.triu_indices(len(one), 1)
    a = (one[:, None] == one)[upper]
    b = (other[:, None] == other)[upper]
    expected = a.sum() * b.sum() / len(a)
    return ((a & b).sum() - expected) / ((a.sum() + b.sum()) / 2 - expected)


def entropy_nmi(one, other):
    def entropy(rows):
        share = np.unique(rows, axis=0, return_counts=True)[1] / len(rows)
        return -(share * np.log(share)).sum()

    parts = entropy(one[:, None]), entropy(other[:, None])
    mutual = sum(parts) - entropy(np.stack([one, other], axis=1))
    return mutual / np.mean(parts)


def test_two_blobs_with_labels_of_three_kinds():
    # Which example is in which blob is certain, so both scores have closed forms.
    rng = np.random.default_rng(0)
    blob = np.repeat([0, 1], 30)
    # Of different lengths: only the direction counts.
    directions = np.array([[5.0, 0, 1], [0, 3.0, 0]])[blob]
    features = (directions + rng.normal(0, 0.05, (60, 3))) * rng.uniform(1, 50, (60, 1))
    labels = np.where(rng.random(60) < 0.2, 2, blob) + 10
    found = clustering(features, labels, clusters=2)
    np.testing.assert_allclose(found.aris, pair_counting_ari(labels, blob))
    np.testing.assert_allclose(found.nmis, entropy_nmi(labels, blob))
    assert found.nmi.mean == pytest.approx(np.mean(found.nmis))
    assert clustering(features, labels).clusters == 3


def test_noise_is_at_chance_and_repeats():
    rng = np.random.default_rng(0)
    features, labels = rng.normal(size=(200, 6)), rng.integers(0, 4, 200)
    found = clustering(features, labels)
    assert abs(found.ari.mean) < 0.03
    assert len(set(found.aris)) > 1 and found.ari.sd > 0
    assert found == clustering(features, labels)


@pytest.mark.filterwarnings("ignore:Number of distinct clusters")
def test_one_vector_for_all_tells_nothing():
    found = clustering(np.ones((20, 4)), np.repeat([0, 1], 10))
    assert found.nmi.mean == pytest.approx(0) and found.ari.mean == pytest.approx(0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": np.zeros(6, int)}, "only label 0"),
        ({"clusters": 1}, "clusters=1"),
        ({"clusters": 7}, "clusters=7"),
        ({"restarts": 0}, "restarts=0"),
        ({"seeds": []}, r"seeds=\[\]"),
        ({"features": np.full((6, 2), np.nan)}, "must be finite"),
        ({"features": np.ones((1, 2)), "labels": np.zeros(1, int)}, "two classes"),
    ],
)
def test_bad_input(change, message):
    given = {"features": np.ones((6, 2)), "labels": np.repeat([0, 1], 3)}
    with pytest.raises(ValueError, match=message):
        clustering(**(given | change))
