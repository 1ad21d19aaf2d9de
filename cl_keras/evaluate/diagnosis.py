# SPDX-License-Identifier: Apache-2.0
"""What is wrong with a representation, in plain words; no labels are needed.

The measures are those of `cl_keras.metrics`. The thresholds are rules
of thumb, named below with their reasons: a finding says where to look, it proves
nothing. What a representation is good for, only labels can say (`evaluate.scores`).
"""

from __future__ import annotations

import dataclasses
from typing import Literal

import numpy as np

from cl_keras import metrics
from cl_keras.evaluate.view_pairs import (
    feature_rows,
    pair_similarities,
    sample,
    separation,
)

Level = Literal["good", "warning", "problem"]

# Of the even spread 1 / sqrt(D). A share s means a mean cosine of 1 - s^2 between
# examples: below 0.05 even different inputs agree to 0.9975. Networks that were never
# trained lie above it (0.1 to 0.3), trained ones near 0.5 or higher.
COLLAPSED_STD_SHARE = 0.05
# Of the dimensions that n examples in D dimensions can span. Trained encoders use a
# fifth to a half of them; less than a twentieth is what Jing et al. (2022) call
# dimensional collapse.
LOW_RANK_SHARE = 0.05
# 0 is one point, -4 an even spread. At -0.2 the mean cosine between examples is 0.95:
# they all lie in one small cap of the sphere.
CONCENTRATED_UNIFORMITY = -0.2
# Chance that a positive pair is more similar than a negative one: 0.5 is guessing.
# Below 0.75 every fourth comparison is wrong.
POOR_SEPARATION = 0.75
# All are compared so that NaN is never good.


@dataclasses.dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        measure: Name of the measure, such as `"rank_me"`.
        value: Its value.
        level: `"good"`, `"warning"` (worth a look) or `"problem"`.
        text: What that means, with the threshold.
    """

    measure: str
    value: float
    level: Level
    text: str


def diagnose(
    features: np.ndarray,
    view1: np.ndarray | None = None,
    view2: np.ndarray | None = None,
) -> list[Finding]:
    """Looks for collapse, low rank, concentration and views that are not told apart.

    Args:
        features: Features of different examples, `(n, D)`, n of at least 2.
        view1: Features of one view of some examples, `(m, D)`, m of at least 2.
        view2: Features of another view of each, row for row. Without both, nothing
            is said of pairs.

    Returns:
        One finding a measure. If the features are collapsed, that one only: all else
        follows from it.

    Raises:
        ValueError: For features that are too few or not finite, or views that do
            not match.

    Example:
    >>> diagnose(np.ones((8, 4)))[0].text[:45]
    'collapsed: all inputs get nearly the same fea'

    Reference: Jing et al., "Understanding Dimensional Collapse in Contrastive
    Self-supervised Learning", 2022; for the measures see `metrics`.
    """
    features = feature_rows("features", features)
    n, width = features.shape
    spread = spread_finding(float(metrics.embedding_std(features)), width)
    if spread.level == "problem":
        return [spread]
    findings = [
        spread,
        rank_finding(float(metrics.rank_me(features)), min(n, width), width),
        _uniformity_finding(float(metrics.uniformity(sample(features)))),
    ]
    if view1 is None and view2 is None:
        return findings
    if view1 is None or view2 is None:
        raise ValueError("Views come in pairs. Received: view1 or view2 alone")
    positive, negative = pair_similarities(view1, view2)
    aligned = float(metrics.alignment(sample(view1), sample(view2)))
    return [*findings, _separation_finding(positive, negative, aligned)]


def spread_finding(std: float, width: int) -> Finding:
    """Judges a value of `metrics.embedding_std`.

    Args:
        std: The value.
        width: D, dimensions of the embeddings.

    Returns:
        A problem below `COLLAPSED_STD_SHARE` of `1 / sqrt(D)`.

    Raises:
        ValueError: If `width` is below 1.

    Example:
    >>> spread_finding(0.09, width=128).level
    'good'
    """
    _check_dimensions(width)
    even = width**-0.5
    share = std / even
    rule = (
        f"the embedding std is {std:.2g}; an even spread over {width} dimensions gives "
        f"1 / sqrt(D) = {even:.2g}"
    )
    if share >= COLLAPSED_STD_SHARE:
        text = f"inputs are told apart: {rule}, of which this is {share:.0%}"
        return Finding("embedding_std", std, "good", text)
    text = (
        f"collapsed: all inputs get nearly the same features: {rule}, and below "
        f"{COLLAPSED_STD_SHARE:.0%} of it inputs are not told apart"
    )
    return Finding("embedding_std", std, "problem", text)


def rank_finding(rank: float, limit: int, width: int) -> Finding:
    """Judges a value of `metrics.rank_me`.

    Args:
        rank: The value.
        limit: The most it can be: the smaller of examples and dimensions.
        width: D, dimensions of the features.

    Returns:
        A warning below `LOW_RANK_SHARE` of the limit.

    Raises:
        ValueError: If `width` or `limit` is below 1.

    Example:
    >>> rank_finding(2.0, limit=128, width=128).text[:63]
    'dimensional collapse: the features use about 2 of 128 dimension'
    """
    _check_dimensions(width, limit)
    used = f"the features use about {rank:.0f} of {width} dimensions"
    bound = f"RankMe {rank:.1f} of at most {limit}"
    # One dimension is all that a one-dimensional code has.
    if limit > 1 and not rank >= max(LOW_RANK_SHARE * limit, 1.0 + LOW_RANK_SHARE):
        text = (
            f"dimensional collapse: {used} ({bound}; trained encoders use a fifth to "
            f"a half, below {LOW_RANK_SHARE:.0%} most of the width is idle)"
        )
        return Finding("rank_me", rank, "warning", text)
    return Finding("rank_me", rank, "good", f"{used} ({bound})")


def singular_values(features: np.ndarray) -> np.ndarray:
    """Singular values of the centred features, largest first, as shares of their sum.

    Centred, unlike `rank_me`: the mean of non-negative features (all that end in a
    ReLU) would hide the rest behind its own large value.

    Args:
        features: `(n, D)`, n of at least 2.

    Returns:
        float64 `(min(n, D),)`, sum 1; zeros for features that do not vary.

    Raises:
        ValueError: For features that are too few or not finite.

    Example:
    >>> singular_values(np.array([[1.0, 0], [-1, 0], [0, 1], [0, -1]]))
    array([0.5, 0.5])
    """
    features = feature_rows("features", features).astype(np.float64)
    centred = features - features.mean(axis=0)
    # What is left of a constant by rounding is no spectrum.
    noise = 1e-6 * np.abs(features).max() * np.sqrt(features.size)
    values = np.linalg.svd(centred, compute_uv=False)
    values = np.where(values > noise, values, 0.0)
    total = values.sum()
    return values / total if total else values


def _uniformity_finding(value: float) -> Finding:
    scale = "0 is one point, -4 an even spread over the sphere"
    if value <= CONCENTRATED_UNIFORMITY:
        text = f"the features spread out: uniformity is {value:.2f} ({scale})"
        return Finding("uniformity", value, "good", text)
    text = (
        f"concentrated: the features lie in a small cap of the sphere: uniformity "
        f"is {value:.2f} ({scale}; above {CONCENTRATED_UNIFORMITY} different "
        "inputs have a mean cosine of about 0.95)"
    )
    return Finding("uniformity", value, "warning", text)


def _separation_finding(
    positive: np.ndarray, negative: np.ndarray, aligned: float
) -> Finding:
    value = separation(positive, negative)
    # On the unit sphere the squared distance is 2 - 2 cos.
    apart = 2.0 - 2.0 * float(negative.mean())
    rule = (
        f"a positive pair is more similar than a negative one in {value:.0%} of all "
        f"cases (50% is guessing), at mean squared distances of {aligned:.2f} "
        f"(alignment) and {apart:.2f}"
    )
    if value >= POOR_SEPARATION:
        return Finding("separation", value, "good", f"pairs are told apart: {rule}")
    text = (
        f"positives and negatives overlap: {rule}; below {POOR_SEPARATION:.0%} "
        "views may be too different, or training too short"
    )
    return Finding("separation", value, "warning", text)


def _check_dimensions(*counts: int) -> None:
    if min(counts) < 1:
        raise ValueError(f"Expected at least one dimension. Received: {min(counts)}")
