# SPDX-License-Identifier: Apache-2.0
"""Scores beside their baselines, as the pages write them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from cl_keras.score_names import SCORES, TITLES, baselines_of, ends_of, is_end
from cl_keras.show.charts import is_number


def score_keys(summary: Mapping[str, Any]) -> list[str]:
    """The scores in a summary: those of the table, and those with a baseline."""
    titled = [key for key in SCORES if is_number(summary.get(key))]
    others = [
        key
        for key, value in summary.items()
        if key not in SCORES
        and not is_end(key)
        and is_number(value)
        and any(baseline in summary for baseline in baselines_of(key))
    ]
    return titled + others


def score_text(key: str, value: float) -> str:
    """A score as it is written: shares in percent, indices as they are."""
    is_share = key not in SCORES or SCORES[key].is_share
    return f"{100 * value:.1f} %" if is_share else f"{value:.3f}"


def score_lines(summary: Mapping[str, Any], key: str) -> Iterator[dict[str, Any]]:
    """A score of the trained encoder and of what it is compared with."""
    for pattern, name in TITLES.items():
        score = pattern.format(key)
        value, ends = summary.get(score), _ends(summary, score)
        if not is_number(value):
            continue
        yield {
            "name": name,
            "trained": score == key,
            "share": _percent(value),
            "ends": [_percent(end) for end in ends],
            "text": score_text(key, float(value)),
            "interval": interval_text(key, summary, score),
        }


def interval_text(key: str, summary: Mapping[str, Any], score: str) -> str:
    """The confidence interval behind a score, or nothing."""
    ends = _ends(summary, score)
    texts = [score_text(key, end).removesuffix(" %") for end in ends]
    return f" ({' to '.join(texts)})" if texts else ""


def _ends(summary: Mapping[str, Any], score: str) -> list[float]:
    ends = [summary.get(end) for end in ends_of(score)]
    return [float(end) for end in ends if is_number(end)]


def _percent(share: float) -> float:
    return 100 * min(max(float(share), 0.0), 1.0)
