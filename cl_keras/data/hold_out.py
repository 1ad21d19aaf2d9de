# SPDX-License-Identifier: Apache-2.0
"""Chooses a test part."""

from __future__ import annotations

import numpy as np


def hold_out(
    count: int, labels: np.ndarray | None, test_fraction: float, seed: int
) -> np.ndarray:
    """Chooses the examples to hold out, class by class where labels exist.

    Args:
        count: Examples there are.
        labels: `(count,)`, or None.
        test_fraction: Share of the examples (of each class) held out, in (0, 1). A
            class of two or more has at least one on each side; a single example
            stays in the training part. Where no class has two, the labels are no
            help, and the part is drawn from all.
        seed: Seed of the choice.

    Returns:
        `(count,)` bool, True where held out.

    Raises:
        ValueError: If the share is out of range or nothing can be held out.

    Example:
    >>> int(hold_out(5, np.array([0, 0, 0, 0, 1]), 0.25, seed=0).sum())
    1
    """
    if not 0.0 < test_fraction < 1.0:
        raise ValueError(
            f"Expected `test_fraction` in (0, 1). Received: {test_fraction=}"
        )
    groups = np.zeros(count, np.int64) if labels is None else labels
    if len(np.unique(groups)) == count:
        groups = np.zeros(count, np.int64)
    random = np.random.default_rng(seed)
    held_out = np.zeros(count, bool)
    for group in np.unique(groups):
        members = np.flatnonzero(groups == group)
        wanted = round(test_fraction * len(members))
        wanted = min(max(wanted, 1), len(members) - 1)
        held_out[random.permutation(members)[:wanted]] = True
    if not held_out.any():
        raise ValueError(
            f"Cannot hold out a test part of fewer than two examples. Received: {count}"
        )
    return held_out
