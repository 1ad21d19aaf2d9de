# SPDX-License-Identifier: Apache-2.0
"""Labels as people have them, brought to one form."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from cl_keras.registry import unknown

#: Lists, arrays and columns of numbers or strings, `(n,)` or `(n, 1)`, or one-hot.
Labels: TypeAlias = np.ndarray | Sequence[Any]


def as_labels(
    labels: Labels,
    count: int,
    unit: str = "an example",
    *,
    names: Sequence[str] | None = None,
    what: str = "labels",
) -> tuple[np.ndarray, tuple[str, ...] | None]:
    """Brings labels to int64, one an example."""
    try:
        array = np.asarray(labels)
    except ValueError:  # Lists of different lengths.
        raise ValueError(
            f"Expected {what} of one class an example. Received: lists of different "
            "lengths"
        ) from None
    if array.dtype.kind in "US" and isinstance(labels, list | tuple):
        array = np.asarray(labels, object)  # NumPy has made numbers among text, text.
    if array.ndim == 2 and array.shape[1] == 1:  # As in Keras's CIFAR files.
        array = array[:, 0]
    if array.shape[:1] != (count,) or array.ndim > 2:
        raise ValueError(
            f"Expected {what}: one label {unit}, shape ({count},). "
            f"Received: shape {array.shape}"
        )
    array = _of_one_type(array, what)
    known = None if names is None else tuple(str(name) for name in names)
    if array.dtype.kind == "U":
        return _numbered(array, known, what)
    if array.dtype.kind == "f":
        array = _whole(array, what)
    if array.ndim == 2:
        array = _classes_of_rows(array, what)
    if array.dtype.kind == "u" and array.size and array.max() > np.iinfo("i8").max:
        raise ValueError(f"Expected {what} below 2**63. Received: {array.max()}")
    return array.astype(np.int64), known


def labels_in_range(
    labels: Labels, count: int, unit: str, names: Sequence[str] | None
) -> tuple[np.ndarray, tuple[str, ...] | None]:
    """Brings labels to int64, each of which has one of the names, if there are any."""
    numbers, known = as_labels(labels, count, unit, names=names)
    if known is not None and not 0 <= numbers.min() <= numbers.max() < len(known):
        raise ValueError(
            f"Expected labels in 0..{len(known) - 1}, the {len(known)} class names. "
            f"Received: {numbers.min()}..{numbers.max()}"
        )
    return numbers, known


def one_numbering(
    labels: Sequence[np.ndarray], names: Sequence[tuple[str, ...]]
) -> tuple[list[np.ndarray], tuple[str, ...]]:
    """Numbers the labels of several parts alike, where each has its own classes."""
    union = in_order(name for part in names for name in part)
    index = {name: label for label, name in enumerate(union)}
    numbers = [np.array([index[name] for name in part], np.int64) for part in names]
    return [own[part] for own, part in zip(numbers, labels, strict=True)], union


def number_labels(
    texts: Sequence[Mapping[str, str]],
) -> tuple[dict[str, np.ndarray], dict[str, tuple[str, ...]]]:
    """Numbers the labels of many files, each kind by itself, if every file has it."""
    labels, class_names = {}, {}
    for kind in texts[0] if texts else ():
        if any(kind not in text for text in texts):
            continue
        column = [text[kind] for text in texts]
        names = in_order(column)
        index = {name: label for label, name in enumerate(names)}
        labels[kind] = np.array([index[text] for text in column], np.int64)
        class_names[kind] = names
    return labels, class_names


def in_order(names: Iterable[str]) -> tuple[str, ...]:
    """Sorts names of classes, numbers in numeric order."""
    found = set(names)
    numeric = all(name.isdecimal() for name in found)
    return tuple(sorted(found, key=(lambda n: (int(n), n)) if numeric else None))


def _of_one_type(array: np.ndarray, what: str) -> np.ndarray:
    """Numbers, or text: columns of tables hold objects."""
    if array.dtype.kind in "OT":
        values = array.ravel().tolist()
        missing = [x is None or (isinstance(x, float) and x != x) for x in values]
        if any(missing):
            raise ValueError(
                f"Expected {what} for all examples, or none. Received: "
                f"{sum(missing)} of {len(values)} missing, the first at "
                f"{missing.index(True)}"
            )
        texts = [isinstance(x, str | bytes) for x in values]
        if any(texts) and not all(texts):
            raise ValueError(
                f"Expected {what} of one kind, numbers or strings. Received: both, "
                f"such as {values[texts.index(True)]!r} and "
                f"{values[texts.index(False)]!r}"
            )
        try:
            array = np.array(values).reshape(array.shape)
        except ValueError:
            pass  # Values that make no array are refused below.
    if array.dtype.kind == "S":
        array = np.char.decode(array, "utf-8")
    if array.dtype.kind not in "biufU" or (array.dtype.kind == "U" and array.ndim > 1):
        raise ValueError(
            f"Expected {what} as integers, strings or one-hot rows. Received: dtype "
            f"{array.dtype} of shape {array.shape}"
        )
    return array


def _numbered(
    array: np.ndarray, names: tuple[str, ...] | None, what: str
) -> tuple[np.ndarray, tuple[str, ...]]:
    found, index = np.unique(array, return_inverse=True)
    if names is None:
        return index.astype(np.int64), tuple(found.tolist())
    for name in found.tolist():
        if name not in names:
            raise unknown(f"class among the {what}", name, names)
    places = np.array([names.index(name) for name in found.tolist()], np.int64)
    return places[index], names


def _whole(array: np.ndarray, what: str) -> np.ndarray:
    bad = ~np.isfinite(array)
    if bad.any():
        raise ValueError(
            f"Expected {what} for all examples. Received: {int(bad.sum())} NaN or "
            f"infinite, the first at {int(np.argwhere(bad)[0][0])}"
        )
    fraction = array != np.round(array)
    if fraction.any():
        raise ValueError(
            f"Expected {what} of whole numbers. Received: "
            f"{array[fraction][0]} at {int(np.argwhere(fraction)[0][0])}"
        )
    return array.astype(np.int64)


def _classes_of_rows(array: np.ndarray, what: str) -> np.ndarray:
    binary = ((array == 0) | (array == 1)).all(axis=1)
    good = binary & (array.sum(axis=1) == 1)
    if not good.all():
        row = int(np.argmin(good))
        raise ValueError(
            f"Expected {what} of one class an example: integers, or one-hot rows with "
            f"a single 1. Received: {np.count_nonzero(array[row])} values other than 0 "
            f"in row {row}"
        )
    return array.argmax(axis=1)
