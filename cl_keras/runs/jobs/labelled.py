# SPDX-License-Identifier: Apache-2.0
"""Labelled examples, as every metric needs them, whatever their kind."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

Pair = tuple[np.ndarray, np.ndarray]


@dataclasses.dataclass(frozen=True, eq=False)
class LabelledData:
    """Training and test examples with their labels.

    Args:
        features: Gives an encoder's features of both parts, float32 `(n, D)` and
            `(m, D)`. An encoder is a Keras model, or is called like one.
        raw: Gives what stands for the inputs themselves, `(n, P)` and `(m, P)`.
        labels: Integer labels, `(n,)` and `(m,)`.
        inputs: The inputs as arrays, for training on, where all are of one shape.
        no_inputs: Why there are no such arrays, for messages.
        raw_inputs: What stands for the inputs, in words.
        augment: Changes the inputs at random, for training with labels.
        copies: Blocks of rows that `features` and `raw` give for the training part: of
            the examples, then of changed copies, for a linear probe to learn from.
    """

    features: Callable[[Any], Pair]
    raw: Callable[[], Pair]
    labels: Pair
    inputs: Pair | None = None
    no_inputs: str = ""
    raw_inputs: str = "the inputs themselves"
    augment: Callable[[Any, Any], Any] | None = None
    copies: int = 1

    def of_examples(self, encoder: Any) -> Pair:
        """Gives an encoder's features, one row a label: without those of copies."""
        train, test = self.features(encoder)
        return train[: len(self.labels[0])], test
