# SPDX-License-Identifier: Apache-2.0
"""Scores beside their baselines."""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import Any

from cl_keras.runs.report.marks import section
from cl_keras.runs.report.run_data import RunData, is_number
from cl_keras.score_names import SCORES, baselines_of, ends_of, is_end, title_of
from cl_keras.score_names import TITLES as BASELINES


def score_keys(summary: Mapping[str, Any]) -> list[str]:
    """The scores in a summary: those of the table, and those with a baseline."""
    known = [key for key in SCORES if is_number(summary.get(key))]
    others = [
        key
        for key, value in summary.items()
        if key not in SCORES
        and not is_end(key)
        and is_number(value)
        and any(baseline in summary for baseline in baselines_of(key))
    ]
    return known + others


def score_text(key: str, value: float) -> str:
    """A score as it is written: shares in percent, indices as they are."""
    is_share = key not in SCORES or SCORES[key].is_share
    return f"{100 * value:.1f} %" if is_share else f"{value:.3f}"


def scores(run: RunData) -> str:
    """Every score with the same of an untrained encoder and of the raw inputs."""
    blocks = [_block(run.summary, key) for key in score_keys(run.summary)]
    if not blocks:
        missing = "<p>No accuracies: the run has no labels to score against.</p>"
        return section("Scores", missing)
    note = (
        "On test examples that took part in no choice. The encoder is frozen; it has "
        "to beat the same network untrained, and the inputs as they are. In brackets "
        "the 95 % confidence interval, where it was computed."
    )
    return section("Scores", f'<div class="scores">{"".join(blocks)}</div>', note)


def _block(summary: Mapping[str, Any], key: str) -> str:
    lines = []
    for pattern, name in BASELINES.items():
        own = pattern.format(key)
        value = summary.get(own)
        if not is_number(value):
            continue
        low, high = (summary.get(end) for end in ends_of(own))
        interval = ""
        if is_number(low) and is_number(high):
            ends = " to ".join(
                score_text(key, end).removesuffix(" %") for end in (low, high)
            )
            interval = f" <small>({ends})</small>"
        share = 100 * min(max(float(value), 0.0), 1.0)
        lines.append(
            f'<tr{" class=own" if own == key else ""}><th scope="row">{name}</th>'
            f'<td><i class="bar"><i style="width:{share:.1f}%"></i></i></td>'
            f"<td><b>{score_text(key, float(value))}</b>{interval}</td></tr>"
        )
    title = html.escape(title_of(key))
    return f'<table class="score"><caption>{title}</caption>{"".join(lines)}</table>'
