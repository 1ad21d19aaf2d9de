# SPDX-License-Identifier: Apache-2.0
"""Chooses a test part."""

from __future__ import annotations

import numpy as np


def hold_out(
    count: int, labels: np.ndarray | None, test_fraction: float, seed: int
) -> np.ndarray:
    """Chooses the examples to hold out, class by class where labels exist."""
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
