# SPDX-License-Identifier: Apache-2.0
"""How sure a number is: over the test examples, or over repeated runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from cl_keras import check, extras

# Resamples drawn at once take 32 MB.
_BLOCK = 4_000_000
# From here on the mean is as good as normal, and resampling takes seconds.
_NORMAL = 5_000


class Interval(NamedTuple):
    """A mean with a confidence interval.

    Attributes:
        mean: The mean of the outcomes.
        low: Lower end.
        high: Upper end.
    """

    mean: float
    low: float
    high: float


class Spread(NamedTuple):
    """Mean and spread of repeated measurements.

    Attributes:
        mean: Their mean.
        sd: Their standard deviation, with `n - 1`; NaN for a single one.
        low: Lower end of the confidence interval of the mean; NaN for a single one.
        high: Upper end.
    """

    mean: float
    sd: float
    low: float
    high: float


def bootstrap_interval(
    outcomes: np.ndarray,
    *,
    level: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> Interval:
    """Confidence interval of the mean of per-example outcomes.

    It says how far the mean would move with other test examples of the same kind.
    It says nothing of another training: that takes runs of several seeds, see
    `seed_interval`.

    Of hits and misses it is Wilson's interval, which holds near 0 and 1 as well: 300
    hits of 300 leave room for a miss in a hundred. Of other outcomes it is the
    bootstrap, bias-corrected and accelerated (BCa), and of more than 5,000 the normal
    interval, which is then the same. Outcomes that are all alike, and neither 0 nor 1,
    have an interval of no width.

    Args:
        outcomes: One number an example, `(n,)`, such as hit or miss.
        level: Confidence level, in (0, 1).
        resamples: Resamples drawn of other outcomes than hits and misses.
        seed: Seed of the resamples.

    Returns:
        The mean and the ends of its interval.

    Raises:
        ValueError: If there are no outcomes, they are not finite, or `level` or
            `resamples` are out of range.
        ImportError: If SciPy is not installed, with the pip line.

    Example:
    >>> mean, low, high = bootstrap_interval(np.ones(300))
    >>> mean, round(low, 3), high
    (1.0, 0.987, 1.0)

    Reference: Wilson, "Probable Inference, the Law of Succession, and Statistical
    Inference", 1927; Efron, "Better Bootstrap Confidence Intervals", 1987.
    """
    values = _checked("outcomes", outcomes, level)
    check.at_least(1, resamples=resamples)
    stats = extras.require("scipy.stats", extra="eval")
    count, mean = len(values), float(values.mean())
    if np.isin(values, (0.0, 1.0)).all():
        test = stats.binomtest(int(values.sum()), count)
        low, high = test.proportion_ci(level, method="wilson")
    elif np.ptp(values) == 0.0:
        low = high = mean
    elif count > _NORMAL:
        low, high = stats.norm.interval(level, mean, stats.sem(values))
    else:
        low, high = stats.bootstrap(
            (values,),
            np.mean,
            n_resamples=resamples,
            batch=max(1, _BLOCK // count),
            confidence_level=level,
            method="BCa",
            rng=np.random.default_rng(seed),
        ).confidence_interval
    return Interval(mean, float(low), float(high))


def seed_interval(values: Sequence[float], *, level: float = 0.95) -> Spread:
    """Mean, standard deviation and t interval of the mean of repeated measurements.

    Args:
        values: One number a run, such as the accuracy of each seed, `(n,)`.
        level: Confidence level, in (0, 1).

    Returns:
        The spread; an interval takes at least two values and is NaN for one.

    Raises:
        ValueError: If there are no values, they are not finite, or `level` is out
            of range.
        ImportError: If SciPy is not installed, with the pip line.

    Example:
    >>> spread = seed_interval([0.4, 0.5, 0.6])
    >>> round(spread.mean, 6), round(spread.sd, 6), round(spread.low, 4)
    (0.5, 0.1, 0.2516)
    """
    array = _checked("values", values, level)
    mean = float(array.mean())
    if len(array) == 1:
        return Spread(mean, float("nan"), float("nan"), float("nan"))
    stats = extras.require("scipy.stats", extra="eval")
    sd = float(array.std(ddof=1))
    half = float(stats.t.ppf((1 + level) / 2, len(array) - 1)) * sd / len(array) ** 0.5
    return Spread(mean, sd, mean - half, mean + half)


def _checked(
    name: str, values: np.ndarray | Sequence[float], level: float
) -> np.ndarray:
    array = np.asarray(values)
    if array.ndim != 1 or not len(array) or array.dtype.kind not in "fiub":
        raise ValueError(
            f"`{name}` must be numbers of shape (n,), n at least 1. Received: "
            f"shape={array.shape}, dtype={array.dtype}"
        )
    array = array.astype(np.float64)
    if not np.isfinite(array).all():
        raise ValueError(
            f"`{name}` must be finite. Received: {(~np.isfinite(array)).sum()} of "
            f"{len(array)} with NaN or infinity"
        )
    if not 0.0 < level < 1.0:
        raise ValueError(f"`level` must be in (0, 1). Received: level={level}")
    return array
