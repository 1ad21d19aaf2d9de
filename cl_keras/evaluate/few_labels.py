# SPDX-License-Identifier: Apache-2.0
"""Linear probe with few labels: what a representation is worth where labels cost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from cl_keras.evaluate.intervals import seed_interval
from cl_keras.evaluate.knn import features_array
from cl_keras.evaluate.label_arrays import labels_array
from cl_keras.evaluate.linear_probe import linear_probe

# From this many labels a class on, a fifth of them can choose the penalty.
_LEAST_TO_CHOOSE = 5
# Of fewer: scikit-learn's default.
_PENALTY = 1.0


class FewLabels(NamedTuple):
    """Accuracy with few labels, over several draws of them.

    Attributes:
        mean: Mean accuracy.
        sd: Standard deviation over the draws; NaN for a single one.
        low: Lower end of the 95 % t interval of the mean over draws of the labels; NaN
            for a single draw. It says how far the mean would move with other labels
            drawn. It does not cover other test examples or another training.
        high: Upper end.
        accuracies: One a seed.
        labels: Labels used, of all classes together.
    """

    mean: float
    sd: float
    low: float
    high: float
    accuracies: tuple[float, ...]
    labels: int


def few_label_probe(
    train_x: np.ndarray,
    train_y: np.ndarray,
    test_x: np.ndarray,
    test_y: np.ndarray,
    *,
    share: float = 0.01,
    per_class: int | None = None,
    seeds: Sequence[int] = (0, 1, 2, 3, 4),
    standardize: bool | None = True,
) -> FewLabels:
    """Test accuracy of a linear probe on a few training labels, drawn several times.

    Each draw takes the same number of labels of each class (`few_labels_of`). The
    penalty is chosen as in `linear_probe` from five labels a class on, and is 1
    (scikit-learn's default) below: there is nothing to choose it on.

    Args:
        train_x: Training features, `(n, D)`, any real dtype.
        train_y: Their labels, `(n,)`, of at least two classes.
        test_x: Test features, `(m, D)`; all are scored.
        test_y: Their labels, `(m,)`.
        share: Share of the training labels used, in (0, 1].
        per_class: Labels of each class, instead of a share.
        seeds: One draw each.
        standardize: As for `linear_probe`; None chooses from five labels a class on,
            and standardises below.

    Returns:
        Mean, spread and interval over the draws, each draw's accuracy, and the
        number of labels.

    Raises:
        ValueError: If a share or count is out of range, a class has fewer than
            `per_class` examples, there are no seeds or one class only, or features
            or labels do not fit.
        ImportError: If scikit-learn is not installed, with the pip line.

    Example:
    >>> x, y = np.repeat([[-1.0], [1.0]], 8, axis=0), np.repeat([0, 1], 8)
    >>> few_label_probe(x, y, x, y, per_class=1, seeds=[0, 1]).accuracies
    (1.0, 1.0)

    Reference: Chen et al., "A Simple Framework for Contrastive Learning of Visual
    Representations", 2020, section 6 (1 % and 10 % of the labels in a class-balanced
    way). There the whole network is fine-tuned, as `fine_tune` does; here it stays
    frozen.
    """
    train_x = features_array("train_x", train_x)
    labels = labels_array("train_y", train_y, len(train_x))
    if not len(seeds):
        raise ValueError("`seeds` must name at least one draw. Received: none")
    accuracies = []
    for seed in seeds:
        rows = few_labels_of(labels, share=share, per_class=per_class, seed=seed)
        _, counts = np.unique(labels[rows], return_counts=True)
        enough = counts.min() >= _LEAST_TO_CHOOSE
        accuracy = linear_probe(
            train_x[rows],
            labels[rows],
            test_x,
            test_y,
            seed=seed,
            regularization=None if enough else _PENALTY,
            standardize=standardize if enough else standardize is not False,
        )
        accuracies.append(accuracy)
    return FewLabels(*seed_interval(accuracies), tuple(accuracies), len(rows))


def few_labels_of(
    labels: np.ndarray,
    *,
    share: float = 0.01,
    per_class: int | None = None,
    seed: int = 0,
) -> np.ndarray:
    """Draws the same number of examples of each class, at least one.

    A share of 1 means all examples, balanced or not. A class that has fewer examples
    than its part of the share gives all it has.
    """
    labels = labels_array("labels", labels, len(np.asarray(labels)))
    classes, position, sizes = np.unique(
        labels, return_inverse=True, return_counts=True
    )
    if not len(classes):
        raise ValueError("Expected at least one label. Received: none")
    if per_class is None:
        if not 0.0 < share <= 1.0:
            raise ValueError(f"`share` must be in (0, 1]. Received: share={share}")
        if share == 1.0:
            return np.arange(len(labels))
        per_class = max(1, round(share * len(labels) / len(classes)))
    elif not 1 <= per_class <= sizes.min():
        raise ValueError(
            "`per_class` must be from 1 to the size of the smallest class, "
            f"{sizes.min()} (label {classes[sizes.argmin()]}). "
            f"Received: per_class={per_class}"
        )
    random = np.random.default_rng(seed)
    drawn = [
        random.permutation(np.flatnonzero(position == number))[:per_class]
        for number in range(len(classes))
    ]
    return np.sort(np.concatenate(drawn))
