# SPDX-License-Identifier: Apache-2.0
"""A score of a row: the published encoder's, and its spread over seeds."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence

#: Fields of a score: of the published encoder; mean and standard deviation (None for
#: one training) over trainings with different seeds, this one included; how many.
FIELDS = ("value", "mean", "spread", "runs")
Score = Mapping[str, float | None]


def score(values: float | Sequence[float] | Score) -> Score:
    """Makes a score of one training's number, or of several trainings' numbers."""
    if isinstance(values, Mapping):
        return dict(values)
    numbers = [values] if isinstance(values, int | float) else [*values]
    if not numbers:
        raise ValueError("Expected one number or more of a score. Received: none")
    # Not `evaluate.seed_interval`: nothing in the zoo imports what evaluation needs.
    return {
        "value": numbers[0],
        "mean": statistics.mean(numbers),
        "spread": statistics.stdev(numbers) if len(numbers) > 1 else None,
        "runs": len(numbers),
    }


def score_text(value: Score) -> str:
    """Writes a score for a card."""
    text = f"{value['value']:.4g}"
    if value["spread"] is None:
        return text
    spread = f"{value['mean']:.4g} ± {value['spread']:.2g}"
    return f"{text} ({spread} over {value['runs']} seeds)"


def is_number(value: object) -> bool:
    """Whether a value read from a row is a finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return math.isfinite(value)


def is_score_object(value: object) -> bool:
    """Whether a value read from a row is a score."""
    if not isinstance(value, Mapping) or value.keys() != {*FIELDS}:
        return False
    runs, spread = value["runs"], value["spread"]
    if type(runs) is not int or runs < 1 or (spread is None) != (runs == 1):
        return False
    numbers = [value["value"], value["mean"], *([] if runs == 1 else [spread])]
    return all(map(is_number, numbers))
