# SPDX-License-Identifier: Apache-2.0
"""How far two encoders agree on the same examples: may one take the other's place?

Pure functions of features `(n, D)`, row for row of the same examples. The measures of
neighbours use cosine similarity, as `evaluate.nearest` does.
"""

from __future__ import annotations

import numpy as np

from cl_keras.evaluate.knn import features_array, nearest_others


def neighbor_overlap(a: np.ndarray, b: np.ndarray, k: int = 10) -> np.ndarray:
    """Share of each example's `k` nearest that are the same by both encoders.

    Each encoder searches its own index; no example is its own neighbour. Rotating or
    scaling all features of one encoder changes nothing. Features drawn at random agree
    by `k / (n - 1)`.

    Args:
        a: Features by one encoder, `(n, D)`.
        b: Features by the other, `(n, E)`.
        k: Neighbours, fewer than `n`.

    Returns:
        float64 `(n,)`, from 0 to 1.

    Raises:
        ValueError: If the features are not finite and two-dimensional, have not as
            many rows, or `k` is not from 1 to `n - 1`.

    Example:
    >>> a = np.array([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [0.1, 0.9]])
    >>> neighbor_overlap(a, a[:, ::-1], k=1)
    array([1., 1., 1., 1.])
    """
    a, b = _pair(a, b)
    return _shared(_others(a, a, k), _others(b, b, k))


def cross_recall(index: np.ndarray, queries: np.ndarray, k: int = 10) -> np.ndarray:
    """Share of what the index's own encoder finds that another's queries find there.

    The index holds features by one encoder. For each example, its `k` nearest by that
    encoder are what must be found; the query is the other encoder's vector of the
    same example. The example itself is left out. Features that are rotated against
    the index find what chance finds, `k / (n - 1)`.

    Args:
        index: Features by the encoder that the index was built with, `(n, D)`.
        queries: Features by the encoder that queries are made with, `(n, D)`.
        k: Neighbours, fewer than `n`.

    Returns:
        float64 `(n,)`, from 0 to 1.

    Raises:
        ValueError: As for `neighbor_overlap`, or if the widths differ.

    Example:
    >>> a = np.array([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [0.1, 0.9]])
    >>> cross_recall(a, a[:, ::-1], k=1)
    array([0., 0., 0., 0.])
    """
    index, queries = _pair(index, queries, same_width=True)
    return _shared(_others(index, index, k), _others(index, queries, k))


def linear_cka(a: np.ndarray, b: np.ndarray) -> float:
    """Linear centred kernel alignment: one geometry, up to rotation and scale?

    With few examples for their width, features that have nothing to do with each
    other agree, too: use several times more examples than features.

    Args:
        a: Features by one encoder, `(n, D)`.
        b: Features by the other, `(n, E)`.

    Returns:
        From 0 to 1; 0 if the features of one are the same for all examples.

    Raises:
        ValueError: If the features are not finite and two-dimensional, or have not
            as many rows.

    Example:
    >>> a = np.array([[1.0, 0.0], [0.0, 2.0], [3.0, 1.0]])
    >>> round(linear_cka(a, -5.0 * a[:, ::-1]), 6)
    1.0

    Reference: Kornblith et al., "Similarity of Neural Network Representations
    Revisited", 2019, equation 5 (the linear form).
    """
    a, b = (_centred(x) for x in _pair(a, b))
    # (n, n) or (D, E): whichever is smaller gives the same number.
    if len(a) < min(a.shape[1], b.shape[1]):
        first, second = a @ a.T, b @ b.T
        shared = np.sum(first * second)
    else:
        first, second = a.T @ a, b.T @ b
        shared = np.sum(np.square(a.T @ b))
    most = np.linalg.norm(first) * np.linalg.norm(second)
    return float(min(shared / most, 1.0)) if most else 0.0


def cosine_drift(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """How far each vector has turned: 1 less the cosine of the two.

    Args:
        a: Features by one encoder, `(n, D)`.
        b: Features by the other, `(n, D)`.

    Returns:
        float64 `(n,)`, from 0 (the same direction) to 2; 1 where one is zero, 0
        where both are.

    Raises:
        ValueError: If the features are not finite and two-dimensional, or not of one
            shape.

    Example:
    >>> cosine_drift(np.eye(2), np.array([[3.0, 0.0], [1.0, 0.0]]))
    array([0., 1.])
    """
    a, b = (x.astype(np.float64) for x in _pair(a, b, same_width=True))
    first, second = np.linalg.norm(a, axis=1), np.linalg.norm(b, axis=1)
    cosine = _ratio(np.sum(a * b, axis=1), first * second)
    cosine[(first == 0) & (second == 0)] = 1.0
    return 1.0 - np.clip(cosine, -1.0, 1.0)


def norm_drift(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """How much longer each vector has become, as a share of the longer one.

    Matters to an index by inner product or Euclidean distance, not by cosine.

    Args:
        a: Features by one encoder, `(n, D)`.
        b: Features by the other, `(n, E)`.

    Returns:
        float64 `(n,)`, from -1 (it has become zero) over 0 to 1 (it was zero).

    Raises:
        ValueError: If the features are not finite and two-dimensional, or have not
            as many rows.

    Example:
    >>> norm_drift(np.eye(2), 2.0 * np.eye(2))
    array([0.5, 0.5])
    """
    a, b = (x.astype(np.float64) for x in _pair(a, b))
    first, second = np.linalg.norm(a, axis=1), np.linalg.norm(b, axis=1)
    return _ratio(second - first, np.maximum(first, second))


def _pair(
    a: np.ndarray, b: np.ndarray, *, same_width: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    a, b = features_array("a", a), features_array("b", b)
    if len(a) != len(b):
        raise ValueError(
            "Expected features of the same examples, row for row. Received: "
            f"{len(a)} and {len(b)} rows"
        )
    if same_width and a.shape[1] != b.shape[1]:
        raise ValueError(
            "Expected features of one width to be compared number by number. Received: "
            f"{a.shape[1]} and {b.shape[1]} features"
        )
    return a, b


def _others(index: np.ndarray, queries: np.ndarray, k: int) -> np.ndarray:
    """The `k` nearest rows to each query but its own, `(n, k)`."""
    count = len(index)
    if not 1 <= k < count:
        raise ValueError(
            f"Expected `k` from 1 to {count - 1}, of {count} examples. Received: k={k}"
        )
    return nearest_others(index, queries, np.arange(count), k)[0]


def _shared(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Share of each row's entries that the other's has, too."""
    both = np.sort(np.concatenate([first, second], axis=1), axis=1)
    # No row names an example twice, so equal neighbours are one from each.
    return np.sum(both[:, 1:] == both[:, :-1], axis=1) / first.shape[1]


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Shares, 0 where there is nothing to share."""
    return np.divide(part, whole, out=np.zeros(len(whole)), where=whole > 0)


def _centred(x: np.ndarray) -> np.ndarray:
    x = x.astype(np.float64)
    noise = np.finfo(np.float32).eps * np.abs(x).max()
    x -= x.mean(axis=0)
    # What rounding leaves of equal rows is no geometry.
    return x if np.abs(x).max() > noise else np.zeros_like(x)
