# SPDX-License-Identifier: Apache-2.0
"""What checks give: rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

#: A name, whether it holds, and the reason.
Row = tuple[str, bool, str]
Arrays = Mapping[str, np.ndarray]


def guarded(
    name: str, rows: Callable[..., Iterator[Row]], *arguments: Any
) -> Iterator[Row]:
    """Makes a row of what a check raises."""
    try:
        yield from rows(*arguments)
    except Exception as error:
        yield name, False, short(error)


def short(error: Exception) -> str:
    """An error on one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"


def compare(left: Arrays, right: Arrays, tolerance: float) -> tuple[bool, str]:
    """Compares what two calls gave."""
    if left.keys() != right.keys():
        return False, f"outputs differ: {sorted(left)} and {sorted(right)}"
    worst = 0.0
    for key in left:
        if left[key].shape != right[key].shape:
            return False, f"{key}: shapes {left[key].shape} and {right[key].shape}"
        if right[key].dtype.kind not in "fiub" or key == "ids":
            same = left[key] == right[key]
            if "scores" in right:
                same |= _ties(right["scores"], tolerance)
            if not np.all(same):
                return False, f"{key}: {int((~same).sum())} of {same.size} differ"
            continue
        with np.errstate(invalid="ignore"):  # Infinity less infinity.
            gap = np.abs(np.subtract(left[key], right[key], dtype=np.float64))
            size = np.abs(np.where(np.isfinite(right[key]), right[key], 0))
            if size.ndim > 1 and size.size and size.dtype.kind == "f":
                # Sums round by the size of their terms, also where they come out small.
                size = size.max(axis=-1, keepdims=True)
            gap = gap / (1.0 + size)
        gap = np.where(left[key] == right[key], 0.0, gap)
        worst = float(np.max([worst, gap.max(initial=0.0)]))
    # Written so that NaN fails: Python's own maximum would lose it.
    return bool(worst <= tolerance), f"largest difference {worst:.1e}"


def _ties(scores: np.ndarray, tolerance: float) -> np.ndarray:
    """Ranks whose order is a matter of rounding; the last may tie with the next."""
    steps = np.abs(np.diff(scores, axis=-1)) <= 4 * tolerance
    last = np.abs(scores - scores[:, -1:]) <= 4 * tolerance
    ties = np.zeros(scores.shape, bool) | last
    ties[:, :-1] |= steps
    ties[:, 1:] |= steps
    return ties
