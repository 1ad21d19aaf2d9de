# SPDX-License-Identifier: Apache-2.0
"""What images and recordings have in common, wherever they are: rows with labels."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np


class Examples:
    """Examples by row; a subclass is a frozen dataclass that says what has rows."""

    name: str
    labels: Any
    groups: Any = None
    by_row: ClassVar[tuple[str, ...]]

    def __len__(self) -> int:
        return len(getattr(self, self.by_row[0]))

    def __repr__(self) -> str:
        """Says what it is in a line, and prints no numbers."""
        labels = "no" if self.labels is None else "yes"
        if isinstance(self.labels, Mapping):
            labels = ", ".join(self.labels)
        what = f"{self.by_row[0]}: {len(self):,}"
        return f"{type(self).__name__}({self.name!r}, {what}, labels: {labels})"

    def take(self, rows: np.ndarray) -> Self:
        """Takes some of the examples.

        Args:
            rows: `(count,)` bool, or numbers in the order wanted.

        Returns:
            These examples with their labels.

        Raises:
            ValueError: If none is left.
        """
        index = np.arange(len(self))[rows]

        def of_rows(values: Any) -> Any:
            if isinstance(values, Mapping):
                return {kind: column[index] for kind, column in values.items()}
            if isinstance(values, tuple):
                return tuple(values[row] for row in index)
            return None if values is None else values[index]

        some = {name: of_rows(getattr(self, name)) for name in self.by_row}
        return dataclasses.replace(self, **some)  # type: ignore[type-var]

    def split(
        self,
        test_fraction: float = 0.2,
        seed: int = 0,
        *,
        groups: np.ndarray | None = None,
    ) -> tuple[Self, Self]:
        """Holds some examples out: whole groups, or class by class where labels exist.

        Args:
            test_fraction: Share (of the groups, or of each class) held out, in (0, 1).
                A class of two or more has at least one on each side; a single one
                stays in the training part.
            seed: Seed of the choice.
            groups: `(count,)`, such as the person: all examples of one stay together.
                By default those that the data has itself.

        Returns:
            Training part and held-out part, each in the original order.

        Raises:
            ValueError: If the share is out of range or nothing can be held out.
        """
        groups = self.groups if groups is None else groups
        if groups is None:
            labels = self.labels if isinstance(self.labels, np.ndarray) else None
            held_out = hold_out(len(self), labels, test_fraction, seed)
        else:
            names, rows = np.unique(groups, return_inverse=True)
            held_out = hold_out(len(names), None, test_fraction, seed)[rows]
        return self.take(~held_out), self.take(held_out)


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
            f"Cannot hold out a test part of fewer than two examples, or groups of "
            f"such. Received: {count}"
        )
    return held_out
