# SPDX-License-Identifier: Apache-2.0
"""Labels that stand in the names of files."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from cl_keras.labels import in_order


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
        """Reads the labels in one name."""
        match = self._expression.search(Path(file).stem)
        return None if match is None else match.groupdict("")


def number_labels(
    texts: Sequence[Mapping[str, str]],
) -> tuple[dict[str, np.ndarray], dict[str, tuple[str, ...]]]:
    """Numbers the labels of many files, each kind by itself."""
    labels, class_names = {}, {}
    for kind in texts[0] if texts else ():
        column = [text[kind] for text in texts]
        names = in_order(column)
        index = {name: label for label, name in enumerate(names)}
        labels[kind] = np.array([index[text] for text in column], np.int64)
        class_names[kind] = names
    return labels, class_names
