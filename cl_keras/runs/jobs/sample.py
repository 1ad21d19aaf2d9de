# SPDX-License-Identifier: Apache-2.0
"""Some examples of a run, to look at its encoder with."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np


@dataclasses.dataclass(frozen=True, eq=False)
class Sample:
    """Examples spread over a run's test data, or over its graph.

    Args:
        features: Gives an encoder's features of them, float32 `(n, D)`.
        ids: Their places in the data, `(n,)`.
        labels: Integer labels, `(n,)`, below 0 where there is none; or None.
        class_names: Name of each label, or None.
        images: uint8 `(n, H, W, C)`, or None where they are no images.
    """

    features: Callable[[Any], np.ndarray]
    ids: np.ndarray
    labels: np.ndarray | None = None
    class_names: Sequence[str] | None = None
    images: np.ndarray | None = None

    def columns(self) -> dict[str, list[object]]:
        """What is known of each example: its id, and its class."""
        columns: dict[str, list[object]] = {"id": self.ids.tolist()}
        if self.labels is not None:
            names = self.class_names
            columns["class"] = [
                "" if label < 0 else (names[label] if names else label)
                for label in self.labels.tolist()
            ]
        return columns
