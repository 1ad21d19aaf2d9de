# SPDX-License-Identifier: Apache-2.0
"""Labels that stand in the names of files."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

NO_MATCH = "its name does not match the pattern"


class NamePattern:
    r"""A regular expression with named groups, each of them a kind of labels.

    Args:
        pattern: Searched in each file's name without its suffix.

    Raises:
        ValueError: If it is no regular expression or has no named group.

    Example:
    >>> names = NamePattern(r"(?P<digit>\d)_(?P<speaker>[a-z]+)")
    >>> names.kinds
    ('digit', 'speaker')
    >>> names.read("recordings/7_theo_3.wav")
    {'digit': '7', 'speaker': 'theo'}
    """

    def __init__(self, pattern: str) -> None:
        try:
            self._expression = re.compile(pattern)
        except (re.error, TypeError) as error:
            raise ValueError(
                f"`pattern` is no regular expression ({error}). Received: {pattern!r}"
            ) from error
        self.kinds = tuple(self._expression.groupindex)
        if not self.kinds:
            raise ValueError(
                r"`pattern` needs a named group for each kind of labels, such as "
                rf"(?P<speaker>[a-z]+). Received: {pattern!r}"
            )

    def read(self, file: str) -> dict[str, str] | None:
        """Reads the labels in one name.

        Args:
            file: Path of the file.

        Returns:
            The text of each group, empty for one that took no part; None where the
            name does not match.
        """
        match = self._expression.search(Path(file).stem)
        return None if match is None else match.groupdict("")


def number_labels(
    texts: Sequence[Mapping[str, str]],
) -> tuple[dict[str, np.ndarray], dict[str, tuple[str, ...]]]:
    """Numbers the labels of many files, each kind by itself.

    Args:
        texts: What `NamePattern.read` gave, one a file.

    Returns:
        Labels, `(files,)` int64, and class names of each kind: sorted, numbers in
        numeric order.

    Example:
    >>> number_labels([{"index": "10"}, {"index": "9"}])
    ({'index': array([1, 0])}, {'index': ('9', '10')})
    """
    labels, class_names = {}, {}
    for kind in texts[0] if texts else ():
        column = [text[kind] for text in texts]
        names = _in_order(column)
        index = {name: label for label, name in enumerate(names)}
        labels[kind] = np.array([index[text] for text in column], np.int64)
        class_names[kind] = names
    return labels, class_names


def one_numbering(
    labels: Sequence[np.ndarray], names: Sequence[tuple[str, ...]]
) -> tuple[list[np.ndarray], tuple[str, ...]]:
    """Numbers the labels of several parts alike, where each has its own classes.

    Args:
        labels: Of each part, `(examples,)` int64, as its own names number them.
        names: Class names of each part.

    Returns:
        The labels anew, and the names of all parts, in the order of `number_labels`.

    Example:
    >>> one_numbering([np.array([0, 1]), np.array([0])], [("a", "c"), ("b",)])
    ([array([0, 2]), array([1])], ('a', 'b', 'c'))
    """
    union = _in_order(name for part in names for name in part)
    index = {name: label for label, name in enumerate(union)}
    numbers = [np.array([index[name] for name in part], np.int64) for part in names]
    return [own[part] for own, part in zip(numbers, labels, strict=True)], union


def _in_order(names: Iterable[str]) -> tuple[str, ...]:
    found = set(names)
    numeric = all(name.isdecimal() for name in found)
    return tuple(sorted(found, key=(lambda n: (int(n), n)) if numeric else None))
