# SPDX-License-Identifier: Apache-2.0
"""How many neighbours vote, and on which scale: chosen without the test part."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from cl_keras import check
from cl_keras.evaluate.knn import features_array, knn_predict, nearest_others, vote
from cl_keras.evaluate.label_arrays import classes_of
from cl_keras.evaluate.standardizing import standardized

# Numbers of neighbours tried, below the one asked for.
_FEWER = (20, 5, 1)
# Most examples that vote, and most that are voted on.
_BANK, _QUERIES = 10_000, 2_500


class KNNChoice(NamedTuple):
    """Settings of the kNN vote.

    Attributes:
        k: Neighbours that vote.
        standardize: Whether features are standardised.
    """

    k: int
    standardize: bool

    def __str__(self) -> str:
        scale = "standardized" if self.standardize else "not standardized"
        return f"{scale}, k={self.k}"


def choose_knn(
    train_x: np.ndarray,
    train_y: np.ndarray,
    k: int = 200,
    temperature: float = 0.1,
    *,
    seed: int = 0,
) -> KNNChoice:
    """Chooses settings of `knn` on the training part.

    Tried are features as they are and standardised, with `k` neighbours and with 20,
    5 and 1 where these are fewer. Each of at most 2,500 examples is classified by the
    others (at most 10,000), itself left out; no test example takes part.

    Args:
        train_x: Features of the bank, `(n, D)`, any real dtype.
        train_y: Their labels, `(n,)`.
        k: Most neighbours.
        temperature: As for `knn`.
        seed: Draws the examples, where there are more.

    Returns:
        The settings of most right votes: on ties, without standardising, and with more
        neighbours.

    Raises:
        ValueError: For features or labels that do not fit, or `k` below 1.
        ImportError: If scikit-learn is not installed, with the pip line.

    Example:
    >>> x = np.array([[9, 1], [5, 1], [3, 1], [9, 3], [5, 3], [3, 3]])
    >>> choose_knn(x, [0, 0, 0, 1, 1, 1], k=1)  # The first feature tells nothing.
    KNNChoice(k=1, standardize=True)
    """
    train_x = features_array("train_x", train_x)
    classes = classes_of("train_y", train_y, len(train_x))
    check.at_least(1, k=k)
    counts = [k, *(fewer for fewer in _FEWER if fewer < k)]
    bank = np.random.default_rng(seed).permutation(len(train_x))[:_BANK]
    x, y = train_x[bank], classes.numbers[bank]
    queries = np.arange(min(_QUERIES, len(y)))
    best, most = KNNChoice(k, False), -1
    if len(y) < 2:
        return best
    for standardize in (False, True):
        scaled = standardized(x)[0] if standardize else x
        indices, similarities = nearest_others(scaled, scaled[queries], queries, k)
        for count in counts:
            predicted = vote(
                y[indices[:, :count]],
                similarities[:, :count],
                len(classes.labels),
                temperature,
            )
            right = int(np.sum(predicted == y[queries]))
            if right > most:
                best, most = KNNChoice(count, standardize), right
    return best


def chosen_knn(
    train_x: np.ndarray,
    train_y: np.ndarray,
    test_x: np.ndarray,
    k: int = 200,
    temperature: float = 0.1,
    *,
    seed: int = 0,
) -> tuple[np.ndarray, KNNChoice]:
    """Labels that the vote with the chosen settings gives, and the settings."""
    choice = choose_knn(train_x, train_y, k, temperature, seed=seed)
    labels, _ = knn_predict(
        train_x,
        train_y,
        test_x,
        choice.k,
        temperature,
        standardize=choice.standardize,
    )
    return labels, choice
