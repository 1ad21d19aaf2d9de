# SPDX-License-Identifier: Apache-2.0

import numpy as np
import pytest

from cl_keras.evaluate import bootstrap_interval, seed_interval

stats = pytest.importorskip("scipy.stats", reason="needs the extra [eval]")


@pytest.mark.parametrize(("hits", "size"), [(60, 100), (3, 20), (300, 300), (0, 40)])
def test_hits_have_wilsons_interval(hits, size):
    """Its ends are the shares from which the number of hits is z deviations away."""
    outcomes = np.arange(size) < hits
    mean, low, high = bootstrap_interval(outcomes)
    assert mean == hits / size
    z = stats.norm.ppf(0.975)
    for end in (low, high):
        if 0.0 < end < 1.0:
            deviation = np.sqrt(end * (1 - end) / size)
            assert abs(mean - end) == pytest.approx(z * deviation)
    wider = bootstrap_interval(outcomes, level=0.99)
    assert wider.low <= low < high <= wider.high
    assert bootstrap_interval(outcomes.astype(float)) == (mean, low, high)


@pytest.mark.parametrize(("share", "size"), [(0.7, 300), (0.98, 300), (0.99, 100)])
def test_it_covers_the_truth_about_as_often_as_it_says(share, size):
    hits = np.random.default_rng(0).binomial(size, share, 2_000)
    ends = {n: bootstrap_interval(np.arange(size) < n)[1:] for n in set(hits.tolist())}
    covered = np.mean([ends[n][0] <= share <= ends[n][1] for n in hits.tolist()])
    # The percentile bootstrap has 0.63 at 0.99 of 100.
    assert 0.92 < covered < 0.98


def test_skewed_outcomes_are_covered_too():
    rng, covered = np.random.default_rng(0), 0
    for trial in range(150):
        drawn = np.minimum(1.0, rng.beta(6.0, 0.4, 60))
        low, high = bootstrap_interval(drawn, resamples=400, seed=trial)[1:]
        covered += low <= 6.0 / 6.4 <= high
    assert covered / 150 > 0.89


def test_other_outcomes_have_the_bca_interval():
    outcomes = np.random.default_rng(0).gamma(2.0, size=150)
    found = bootstrap_interval(outcomes, resamples=2_000, seed=1)
    expected = stats.bootstrap(
        (outcomes,), np.mean, n_resamples=2_000, rng=np.random.default_rng(5)
    )  # BCa is its default.
    np.testing.assert_allclose(found[1:], expected.confidence_interval, rtol=0.02)
    assert found == bootstrap_interval(outcomes, resamples=2_000, seed=1)
    assert found != bootstrap_interval(outcomes, resamples=2_000, seed=2)
    many = np.random.default_rng(0).gamma(2.0, size=6_000)
    normal = stats.norm.interval(0.95, many.mean(), stats.sem(many))
    np.testing.assert_allclose(bootstrap_interval(many)[1:], normal)
    assert bootstrap_interval(np.full(4, 0.5)) == (0.5, 0.5, 0.5)


def test_nothing_is_drawn_of_hits_and_misses():
    # No memory would hold these resamples.
    hits = np.arange(1_000_000) % 3 == 0
    assert bootstrap_interval(hits, resamples=10**12) == bootstrap_interval(hits)


def test_seed_interval_is_the_t_interval():
    values = [0.71, 0.74, 0.69, 0.73]
    spread = seed_interval(values, level=0.9)
    expected = stats.t.interval(0.9, 3, np.mean(values), stats.sem(values))
    np.testing.assert_allclose([spread.low, spread.high], expected)
    assert spread.sd == pytest.approx(np.std(values, ddof=1))
    alone = seed_interval([0.5])
    assert alone.mean == 0.5 and np.isnan([alone.sd, alone.low, alone.high]).all()


@pytest.mark.parametrize("interval", [bootstrap_interval, seed_interval])
@pytest.mark.parametrize(
    ("values", "options", "message"),
    [
        ([], {}, r"shape=\(0,\)"),
        ([[1.0]], {}, r"shape=\(1, 1\)"),
        (["a"], {}, "dtype"),
        ([0.0, np.nan], {}, "1 of 2"),
        ([1.0, 0.0], {"level": 1.0}, "level=1.0"),
    ],
)
def test_bad_input(interval, values, options, message):
    with pytest.raises(ValueError, match=message):
        interval(np.asarray(values), **options)
    with pytest.raises(ValueError, match="Received: resamples=0"):
        bootstrap_interval(np.ones(3), resamples=0)
