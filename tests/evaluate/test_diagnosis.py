# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from cl_keras.evaluate import diagnosis

RNG = np.random.default_rng(0)
SPREAD = RNG.normal(size=(400, 32))


def by_measure(findings):
    return {finding.measure: finding for finding in findings}


def test_healthy_features_have_no_problem():
    noisy = SPREAD + 0.3 * RNG.normal(size=SPREAD.shape)
    found = by_measure(diagnosis.diagnose(SPREAD, SPREAD, noisy))
    assert list(found) == ["embedding_std", "rank_me", "uniformity", "separation"]
    assert {finding.level for finding in found.values()} == {"good"}
    assert found["embedding_std"].value == pytest.approx(32**-0.5, rel=0.02)
    assert found["separation"].value > 0.999


@pytest.mark.parametrize("value", [0.0, 3.0])
def test_a_constant_is_collapsed(value):
    (finding,) = diagnosis.diagnose(np.full((50, 16), value))
    assert finding.level == "problem"
    assert finding.text.startswith("collapsed: ")
    assert "1 / sqrt(D) = 0.25" in finding.text


def test_nearly_constant_is_collapsed_and_a_wide_cone_is_not():
    # The share of 1 / sqrt(D) is about the sine of the cone's angle.
    for noise, level in ((0.02, "problem"), (0.2, "good")):
        features = np.ones(64) + noise * RNG.normal(size=(500, 64))
        assert diagnosis.diagnose(features)[0].level == level, noise


def test_low_rank_says_how_many_dimensions():
    flat = RNG.normal(size=(300, 2)) @ RNG.normal(size=(2, 128))
    finding = by_measure(diagnosis.diagnose(flat))["rank_me"]
    assert finding.level == "warning"
    assert "dimensional collapse: the features use about 2 of 128" in finding.text
    # As many examples as dimensions used: no collapse, only few examples.
    few = by_measure(diagnosis.diagnose(RNG.normal(size=(10, 128))))["rank_me"]
    assert few.level == "good" and "at most 10" in few.text
    assert diagnosis.rank_finding(1.0, 1, 1).level == "good"


def test_concentrated_and_overlapping():
    cone = 5.0 + RNG.normal(size=(300, 64))  # Mean cosine 25 / 26.
    found = by_measure(diagnosis.diagnose(cone, SPREAD, RNG.normal(size=SPREAD.shape)))
    assert found["uniformity"].level == "warning"
    assert "concentrated" in found["uniformity"].text
    assert found["separation"].level == "warning"
    assert found["separation"].value == pytest.approx(0.5, abs=0.05)


def test_spectrum_of_known_axes():
    axes = np.array([4.0, 2.0, 1.0, 0.0])
    signs = RNG.permuted(np.tile([[1.0], [-1.0]], (50, 4)), axis=0)
    features = 100.0 + signs * axes  # The mean counts for nothing.
    found = diagnosis.singular_values(features)
    exact = np.linalg.svd(features - features.mean(axis=0), compute_uv=False)
    np.testing.assert_allclose(found, exact / exact.sum(), atol=1e-4)
    assert not diagnosis.singular_values(np.full((5, 3), 0.1)).any()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: diagnosis.diagnose(np.ones((1, 4))), "at least 2 examples"),
        (lambda: diagnosis.diagnose(np.empty((0, 4))), "neither of them 0"),
        (lambda: diagnosis.diagnose(np.full((3, 2), np.nan)), "must be finite"),
        (lambda: diagnosis.diagnose(SPREAD, SPREAD), "come in pairs"),
        (lambda: diagnosis.diagnose(SPREAD, SPREAD, SPREAD[:9]), "row for row"),
        (lambda: diagnosis.spread_finding(0.1, 0), "Received: 0"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
