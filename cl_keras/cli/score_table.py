# SPDX-License-Identifier: Apache-2.0
"""Scores beside their baselines, with their intervals, within 80 columns."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cl_keras.cli.output import print_sentences, print_table
from cl_keras.score_names import (
    RANDOM_INIT,
    RAW,
    SCORES,
    START,
    TRAINED,
    ends_of,
    is_end,
)

if TYPE_CHECKING:
    from rich.console import Console

_ROWS = {
    TRAINED: "trained",
    START: "starting weights",
    RANDOM_INIT: "random weights",
    RAW: "raw inputs",
}
# More scores stand one below the other.
_ABREAST = 3


def print_scores(
    scores: Mapping[str, Any], to: Console, names: Sequence[str] = ()
) -> None:
    """Prints scores, by default all that there are, and what the intervals cover."""
    names = names or [name for name in scores if name in SCORES]
    shown = {
        title: pattern
        for pattern, title in _ROWS.items()
        if any(pattern.format(name) in scores for name in names)
    }
    heads = {SCORES[name].short: name for name in names}
    cells = {
        (row, head): score_cell(scores, pattern.format(name), SCORES[name].is_share)
        for row, pattern in shown.items()
        for head, name in heads.items()
    }
    if len(heads) <= _ABREAST:
        rows = [[row, *(cells[row, head] for head in heads)] for row in shown]
        print_table(["", *heads], rows, to)
    else:
        rows = [[head, *(cells[row, head] for row in shown)] for head in heads]
        print_table(["", *shown], rows, to)
    _print_notes(scores, names, to)


def _print_notes(scores: Mapping[str, Any], names: Sequence[str], to: Console) -> None:
    if not any(map(is_end, scores)):
        to.print("In percent.")
        return
    covers = scores.get("intervals", {})
    others = {SCORES[name].short: covers[name] for name in names if name in covers}
    covered = ["over other test examples"]
    covered += [f"for {name}, over other {of}" for name, of in others.items()]
    text = f"In percent, with 95 % confidence intervals {'; '.join(covered)}"
    print_sentences([text], to)


def score_cell(scores: Mapping[str, Any], name: str, is_share: bool = True) -> str:
    """A score in percent (if it is a share) with its interval, or its spread."""
    keys = (name, *ends_of(name), f"{name}_sd")
    factor, digits = (100.0, 1) if is_share else (1.0, 2)
    text, low, high, spread = (
        "" if value is None or math.isnan(value) else _number(factor * value, digits)
        for value in map(scores.get, keys)
    )
    if spread:
        return f"{text} ± {spread}"
    return f"{text} ({low} to {high})" if low and high else text or "-"


def _number(value: float, digits: int) -> str:
    return "100" if value >= 99.95 else f"{value:.{digits}f}"
