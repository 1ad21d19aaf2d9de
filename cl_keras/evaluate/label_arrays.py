# SPDX-License-Identifier: Apache-2.0
"""Labels as the measures compare them: numbers, or strings as they are."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from cl_keras.labels import as_labels


class Classes(NamedTuple):
    """Labels as numbers from 0 on: `labels[numbers]` are those that were given."""

    labels: np.ndarray
    numbers: np.ndarray
    sizes: np.ndarray


def labels_array(name: str, values: np.ndarray, rows: int) -> np.ndarray:
    """Brings labels to one array, one a row."""
    labels, names = as_labels(values, rows, "a row of features", what=f"`{name}`")
    # Strings stay so: those of training and test have no numbers in common.
    return labels if names is None else np.array(names)[labels]


def classes_of(
    name: str, values: np.ndarray, rows: int, *, two_for: str = ""
) -> Classes:
    """Numbers the classes among labels; `two_for` says what needs two at least."""
    labels = labels_array(name, values, rows)
    classes = Classes(*np.unique(labels, return_inverse=True, return_counts=True))
    if two_for and len(classes.labels) < 2:
        raise ValueError(f"{two_for}. Received: only label {classes.labels[0]}")
    return classes


def hits(predicted: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Says where a predicted label is the true one."""
    kinds = [
        "strings" if x.dtype.kind == "U" else "numbers" for x in (predicted, truth)
    ]
    if kinds[0] != kinds[1]:
        raise ValueError(
            "Expected training and test labels of one kind. Received: "
            f"{kinds[0]} to train with and {kinds[1]} to test with"
        )
    return predicted == truth
