# SPDX-License-Identifier: Apache-2.0
"""Nearest neighbours by cosine similarity, and the weighted vote of Wu et al."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import tensorflow as tf

from cl_keras import check
from cl_keras.evaluate.embedding import NotFiniteError
from cl_keras.evaluate.label_arrays import classes_of, hits, labels_array
from cl_keras.evaluate.standardizing import standardized

# Floats in one block of the bank (104 MB) and in one block of similarities (48 MB):
# small enough to bound memory, large enough that few lists of neighbours are merged.
_BANK_BLOCK = 26_000_000
_SIMILARITY_BLOCK = 12_000_000
# Columns of which only the largest is looked at, at first.
_GROUP = 16
_ALL_BUT_SIGN = 2**31 - 1


def knn(
    train_x: np.ndarray,
    train_y: np.ndarray,
    test_x: np.ndarray,
    test_y: np.ndarray,
    k: int = 200,
    temperature: float = 0.1,
    *,
    standardize: bool = False,
) -> float:
    """Accuracy of a weighted k-nearest-neighbour classifier on frozen features.

    Args:
        train_x: Features of the bank, `(n, D)`, any real dtype.
        train_y: Their labels, `(n,)`: numbers, strings or one-hot rows.
        test_x: Features to classify, `(m, D)`.
        test_y: Their labels, `(m,)`.
        k: Neighbours that vote; the whole bank if it is smaller.
        temperature: A neighbour of cosine similarity `s` weighs `exp(s / T)`.
        standardize: Whether to centre and scale each feature by the bank's mean and
            deviation first; takes scikit-learn. Features with means far from zero,
            such as raw inputs, gain most. `choose_knn` says which is better.

    Returns:
        The share of test examples classified right, from 0 to 1.

    Raises:
        ValueError: For features or labels of wrong or different sizes, features
            that are not finite, or `k` or `temperature` not positive.

    Example:
    >>> features = np.eye(3)
    >>> knn(features, [0, 1, 2], features, [0, 1, 0], k=1)
    0.6666666666666666

    Reference: Wu et al., "Unsupervised Feature Learning via Non-Parametric Instance
    Discrimination", 2018, section 3.4 (temperature 0.07 there).
    """
    test_x = features_array("test_x", test_x)
    truth = labels_array("test_y", test_y, len(test_x))
    predicted, _ = knn_predict(
        train_x, train_y, test_x, k, temperature, standardize=standardize
    )
    return float(np.mean(hits(predicted, truth)))


def knn_predict(
    train_x: np.ndarray,
    train_y: np.ndarray,
    test_x: np.ndarray,
    k: int = 200,
    temperature: float = 0.1,
    *,
    standardize: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """Labels given by the weighted vote, and the neighbours that voted.

    Args:
        train_x: Features of the bank, `(n, D)`, any real dtype.
        train_y: Their labels, `(n,)`.
        test_x: Features to classify, `(m, D)`.
        k: Neighbours that vote; the whole bank if it is smaller.
        temperature: A neighbour of cosine similarity `s` weighs `exp(s / T)`.
        standardize: As for `knn`.

    Returns:
        `(labels, indices)`: labels `(m,)`, the smallest label where a vote is
        tied; int64 rows of the bank, nearest first, `(m, min(k, n))`.

    Raises:
        ValueError: As for `knn`.

    Example:
    >>> labels, indices = knn_predict(np.eye(2), [7, 9], np.array([[2, 1]]), k=2)
    >>> labels, indices
    (array([7]), array([[0, 1]]))
    """
    check.positive(temperature=temperature)
    train_x = features_array("train_x", train_x)
    classes = classes_of("train_y", train_y, len(train_x))
    test_x = features_array("test_x", test_x)
    if standardize:
        train_x, test_x = standardized(train_x, test_x)
    indices, similarities = nearest(train_x, test_x, k)
    votes = classes.numbers[indices]
    predicted = vote(votes, similarities, len(classes.labels), temperature)
    return classes.labels[predicted], indices


def vote(
    labels: np.ndarray, similarities: np.ndarray, classes: int, temperature: float
) -> np.ndarray:
    """The weighted vote of neighbours."""
    # Weights relative to the nearest neighbour's: same vote, and no overflow at a
    # small temperature.
    weights = np.exp(
        (similarities - similarities[:, :1]).astype(np.float64) / temperature
    )
    # One row of class totals a query; blocks keep that small with many classes.
    predicted = np.empty(len(labels), np.int64)
    step = max(1, _SIMILARITY_BLOCK // (2 * classes))
    for start in range(0, len(labels), step):
        votes = labels[start : start + step]
        cell = np.arange(len(votes))[:, None] * classes + votes
        totals = np.bincount(
            cell.ravel(),
            weights[start : start + step].ravel(),
            minlength=len(votes) * classes,
        )
        predicted[start : start + step] = totals.reshape(-1, classes).argmax(axis=1)
    return predicted


def nearest(
    bank: np.ndarray, queries: np.ndarray, k: int
) -> tuple[np.ndarray, np.ndarray]:
    """The `k` most similar rows of a bank for each query, by cosine similarity.

    Works in blocks of the bank and of the queries and keeps the best `k` so far:
    beyond inputs and result it needs about 770 MB, whatever their size. Integer
    and half-precision inputs are cast block by block.

    Args:
        bank: Vectors to search, `(n, D)`, any real dtype.
        queries: Vectors to search for, `(m, D)`.
        k: Neighbours for each query; the whole bank if it is smaller.

    Returns:
        `(indices, similarities)`, both `(m, min(k, n))`, nearest first: int64 rows
        of the bank and float32 cosines. A vector of zeros has cosine 0 with all.

    Raises:
        ValueError: For arrays that are not `(rows, D)` with one `D`, are empty or
            not finite, or `k` below 1.

    Example:
    >>> nearest(np.eye(3), np.array([[0.0, 2.0, 1.0]]), k=1)[0]
    array([[1]])
    """
    check.at_least(1, k=k)
    bank = features_array("bank", bank)
    queries = features_array("queries", queries)
    if bank.shape[1] != queries.shape[1]:
        raise ValueError(
            "Bank and queries must have the same number of features. Received: "
            f"{bank.shape[1]} and {queries.shape[1]}"
        )
    k = min(k, len(bank))
    # At least k rows a block, so that every block fills the list it is merged into.
    bank_rows = min(len(bank), max(k, _BANK_BLOCK // bank.shape[1], 1))
    query_rows = max(1, _SIMILARITY_BLOCK // bank_rows)
    best = np.full((len(queries), k), -np.inf, np.float32)
    indices = np.zeros((len(queries), k), np.int64)

    def search(start: int) -> None:
        rows = slice(start, start + query_rows)
        with tf.device("CPU:0"):
            cosines = tf.matmul(unit_rows(queries[rows]), block)
            values, columns = _largest(cosines, min(k, block.shape[1]))
        columns = columns + first
        if first:
            values = np.concatenate([best[rows], values], axis=1)
            columns = np.concatenate([indices[rows], columns], axis=1)
            values, columns = _partitioned(values, columns, k)
        best[rows], indices[rows] = values, columns

    # Choosing keeps one core busy: meanwhile the next block is multiplied.
    with ThreadPoolExecutor(2) as pool:
        for first in range(0, len(bank), bank_rows):
            with tf.device("CPU:0"):
                # Turned once: the product with rows as columns takes half the time.
                block = tf.transpose(unit_rows(bank[first : first + bank_rows]))
            for _ in pool.map(search, range(0, len(queries), query_rows)):
                pass  # Raises what went wrong.
    return indices, best


def _largest(values: tf.Tensor, k: int) -> tuple[np.ndarray, np.ndarray]:
    """What `tf.math.top_k` gives, ties included; five times faster for a small k.

    The k largest values are in the k groups of columns with the largest maxima.
    """
    rows, count = values.shape
    if count < 4 * _GROUP * k:
        largest, columns = tf.math.top_k(values, k)
        return largest.numpy(), columns.numpy()
    if rest := -count % _GROUP:
        values = tf.pad(values, ((0, 0), (0, rest)), constant_values=-np.inf)
    groups = tf.reshape(values, (rows, -1, _GROUP))
    maxima = tf.reduce_max(groups, axis=2).numpy()
    _, chosen = _partitioned(maxima, np.arange(maxima.shape[1]), k)
    candidates = tf.gather(groups, chosen, batch_dims=1).numpy().reshape(rows, -1)
    columns = chosen[:, :, None] * _GROUP + np.arange(_GROUP)
    return _partitioned(candidates, columns.reshape(rows, -1), k)


def _partitioned(
    values: np.ndarray, columns: np.ndarray, k: int
) -> tuple[np.ndarray, np.ndarray]:
    """The k largest float32 of each row, largest first; on ties, the lower column."""
    # One integer for a value and its column: NumPy partitions integers in vectors.
    bits = (values + 0.0).view(np.int32)  # Without the negative zero.
    in_order = bits ^ (bits >> 31 & _ALL_BUT_SIGN)
    keys = in_order.astype(np.int64) << 32 | (_ALL_BUT_SIGN - columns)
    keys = -np.sort(-np.partition(keys, -k, axis=1)[:, -k:], axis=1)
    in_order = (keys >> 32).astype(np.int32)
    bits = in_order ^ (in_order >> 31 & _ALL_BUT_SIGN)
    return bits.view(np.float32), _ALL_BUT_SIGN - (keys & _ALL_BUT_SIGN)


def nearest_others(
    bank: np.ndarray, queries: np.ndarray, rows: np.ndarray, k: int
) -> tuple[np.ndarray, np.ndarray]:
    """As `nearest`, where query `i` stands for row `rows[i]`, which is left out."""
    # One more: the row itself is among them, the first or, on ties, another.
    indices, similarities = nearest(bank, queries, k + 1)
    left_out = indices == np.asarray(rows)[:, None]
    # Where more than k are as near as the row itself, the last is as good as it.
    left_out[~left_out.any(axis=1), -1] = True
    shape = (len(indices), -1)
    return indices[~left_out].reshape(shape), similarities[~left_out].reshape(shape)


def features_array(name: str, values: np.ndarray) -> np.ndarray:
    """Checks that features are a finite, real `(rows, D)` array with rows."""
    array = np.asarray(values)
    if array.ndim != 2 or 0 in array.shape:
        raise ValueError(
            f"`{name}` must be features of shape (rows, D), neither of them 0. "
            f"Received: shape={array.shape}"
        )
    if array.dtype.kind in "iub":
        return array
    if array.dtype.kind not in "fV":  # NumPy files bfloat16 under "V".
        raise ValueError(f"`{name}` must be numbers. Received: dtype={array.dtype}")
    # A finite sum of float64 row sums proves finite rows without an (n, D) mask.
    finite = np.isfinite(array.sum(axis=1, dtype=np.float64))
    if not finite.all():
        raise NotFiniteError(
            f"`{name}` must be finite. Received: {(~finite).sum()} of {len(array)} "
            f"rows with NaN or infinity, the first at {int(np.argmin(finite))}. "
            "Did training diverge?"
        )
    return array


def unit_rows(rows: np.ndarray) -> tf.Tensor:
    """Rows scaled to length 1; rows of zeros stay zero."""
    return tf.math.l2_normalize(rows.astype(np.float32), axis=1)
