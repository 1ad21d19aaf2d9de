# SPDX-License-Identifier: Apache-2.0
"""Labels as the measures compare them: numbers, or strings as they are."""

from __future__ import annotations

import numpy as np

from cl_keras.labels import as_labels


def labels_array(name: str, values: np.ndarray, rows: int) -> np.ndarray:
    """Brings labels to one array, one a row.

    Args:
        name: How the error calls them.
        values: As `as_labels` takes them.
        rows: How many there must be.

    Returns:
        The labels, `(rows,)`: int64, or strings where they are strings.

    Raises:
        ValueError: Otherwise.

    Example:
    >>> labels_array("train_y", [3, 1], 2)
    array([3, 1])
    """
    labels, names = as_labels(values, rows, "a row of features", what=f"`{name}`")
    # Strings stay so: those of training and test have no numbers in common.
    return labels if names is None else np.array(names)[labels]


def hits(predicted: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Says where a predicted label is the true one.

    Args:
        predicted: Labels, as `labels_array` gives them.
        truth: As many true labels.

    Returns:
        bool, of their shape.

    Raises:
        ValueError: If ones are strings and the others numbers, which never are equal.

    Example:
    >>> hits(np.array([0, 1]), np.array([0, 2]))
    array([ True, False])
    """
    kinds = [
        "strings" if x.dtype.kind == "U" else "numbers" for x in (predicted, truth)
    ]
    if kinds[0] != kinds[1]:
        raise ValueError(
            "Expected training and test labels of one kind. Received: "
            f"{kinds[0]} to train with and {kinds[1]} to test with"
        )
    return predicted == truth
