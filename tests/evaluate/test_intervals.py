# SPDX-License-Identifier: Apache-2.0
import time

import numpy as np
import pytest

from cl_keras.evaluate import bootstrap_interval, seed_interval

stats = pytest.importorskip("scipy.stats", reason="needs the extra [eval]")


@pytest.mark.parametrize(("hits", "size"), [(60, 100), (3, 20), (700, 800)])
def test_hits_have_the_binomial_interval(hits, size):
    outcomes = np.arange(size) < hits
    mean, low, high = bootstrap_interval(outcomes, resamples=20_000)
    assert mean == hits / size
    # A resample of hits and misses is binomial; quantiles may be one hit off.
    expected = stats.binom.ppf([0.025, 0.975], size, hits / size) / size
    np.testing.assert_allclose([low, high], expected, atol=1.01 / size)
    wider = bootstrap_interval(outcomes, level=0.99)
    assert wider.low <= low and wider.high > high


def test_other_outcomes_agree_with_drawing_rows():
    rng = np.random.default_rng(0)
    outcomes = rng.gamma(2.0, size=150)
    rows = rng.integers(0, 150, (20_000, 150))
    expected = np.quantile(outcomes[rows].mean(axis=1), [0.025, 0.975])
    found = bootstrap_interval(outcomes, resamples=20_000, seed=1)
    np.testing.assert_allclose(found[1:], expected, rtol=0.01)
    assert found == bootstrap_interval(outcomes, resamples=20_000, seed=1)
    assert found != bootstrap_interval(outcomes, resamples=20_000, seed=2)


def test_it_covers_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(0)
    covered = 0
    for trial in range(200):
        low, high = bootstrap_interval(rng.random(300) < 0.7, seed=trial)[1:]
        covered += low <= 0.7 <= high
    assert 0.90 < covered / 200 < 0.99


def test_a_million_hits_cost_nothing():
    start = time.perf_counter()
    bootstrap_interval(np.arange(1_000_000) % 3 == 0)
    assert time.perf_counter() - start < 2


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
    with pytest.raises(ValueError, match="Received: 0"):
        bootstrap_interval(np.ones(3), resamples=0)
