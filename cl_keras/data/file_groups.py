# SPDX-License-Identifier: Apache-2.0
"""What files have in common by their names, such as the person."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from cl_keras.registry import unknown


def group_pattern(pattern: str | None, group: str) -> re.Pattern[str]:
    """The expression that holds a group, by which files stay together."""
    if pattern is None:
        raise ValueError(
            "Expected `group` as a group of `pattern`, which is not given. Received: "
            f"group={group!r}"
        )
    names = re.compile(pattern)
    if group not in names.groupindex:
        raise unknown("group of `pattern`", group, names.groupindex)
    return names


def groups_of(
    files: Sequence[str], pattern: str | None, group: str, *, paths: bool = False
) -> np.ndarray:
    """The group of each file by its name, or path, all of which the pattern matches."""
    names = group_pattern(pattern, group)
    matches = (names.search(x if paths else Path(x).stem) for x in files)
    return np.array([match[group] or "" for match in matches if match is not None])
