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
    """Makes a score of one training's number, or of several trainings' numbers.

    Args:
        values: The published encoder's number; or that, then those of trainings with
            other seeds; or a score, which stays as it is.

    Returns:
        The score by its `FIELDS`; the spread is the standard deviation of a sample
        (n - 1).

    Raises:
        ValueError: If there is no number.

    Example:
    >>> score(0.9)
    {'value': 0.9, 'mean': 0.9, 'spread': None, 'runs': 1}
    >>> score([0.5, 0.25])["mean"]
    0.375
    """
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
    """Writes a score for a card.

    Args:
        value: The score.

    Returns:
        The number, and mean and spread if there is more than one training.

    Example:
    >>> score_text(score([0.8125, 0.8025]))
    '0.8125 (0.8075 ± 0.0071 over 2 seeds)'
    """
    text = f"{value['value']:.4g}"
    if value["spread"] is None:
        return text
    spread = f"{value['mean']:.4g} ± {value['spread']:.2g}"
    return f"{text} ({spread} over {value['runs']} seeds)"


def is_number(value: object) -> bool:
    """Whether a value read from a row is a finite number.

    Args:
        value: The value.

    Returns:
        False for NaN, infinities and booleans too.

    Example:
    >>> is_number(0.5), is_number(True)
    (True, False)
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return math.isfinite(value)


def is_score_object(value: object) -> bool:
    """Whether a value read from a row is a score.

    Args:
        value: The value.

    Returns:
        True if it has the `FIELDS`, finite, and a spread if and only if there are
        several trainings.

    Example:
    >>> is_score_object({"value": 0.9})
    False
    """
    if not isinstance(value, Mapping) or value.keys() != {*FIELDS}:
        return False
    runs, spread = value["runs"], value["spread"]
    if type(runs) is not int or runs < 1 or (spread is None) != (runs == 1):
        return False
    numbers = [value["value"], value["mean"], *([] if runs == 1 else [spread])]
    return all(map(is_number, numbers))
