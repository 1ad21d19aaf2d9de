# SPDX-License-Identifier: Apache-2.0
"""Which classes are taken for which."""

from __future__ import annotations

import numpy as np

from cl_keras.evaluate.label_arrays import labels_array


def confusion_counts(
    labels: np.ndarray, predicted: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Counts the examples of each true and predicted class."""
    labels = labels_array("labels", labels, max(1, np.size(labels)))
    predicted = labels_array("predicted", predicted, len(labels))
    classes = np.union1d(labels, predicted)
    counts = np.zeros((len(classes), len(classes)), np.int64)
    cells = np.searchsorted(classes, labels), np.searchsorted(classes, predicted)
    np.add.at(counts, cells, 1)
    return classes, counts
