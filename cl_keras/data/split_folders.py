# SPDX-License-Identifier: Apache-2.0
"""Folders that are split into parts to train on and to test with."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import NamedTuple

from cl_keras.data.folder_walk import holds_examples, is_leftover

_PARTS = {
    "train": ("train", "training", "trn"),
    "test": ("test", "testing", "tst"),
    "val": ("val", "valid", "validation", "eval", "evaluation", "dev", "development"),
}
_PART_OF = {word: part for part, words in _PARTS.items() for word in words}
# What stands beside these words: train2017, test_set, seg_train, dev-clean.
_BESIDE = frozenset(
    "set data dataset split part images image imgs img seg audio wav clean "
    "other".split()
)


class Split(NamedTuple):
    """The parts of a folder."""

    train: Path
    test: Path
    unused: tuple[str, ...] = ()  # Folders beside them that hold examples.


def find_split(path: Path) -> Split | None:
    """Finds the parts of a folder that is already split.

    A folder is split if one of its sub-folders has a name of training parts (`train`,
    `training`) and another one of test parts (`test`, `testing`) or of validation
    parts (`val`, `valid`, `validation`, `eval`, `dev`), in any case, also with a year
    or a word such as `set` or `images` beside it (`train2017`, `Test_set`), and both
    hold images or recordings. Of three parts the test part is tested with. A lone
    sub-folder is entered.
    """
    inside = _holders(path)
    while len(inside) == 1 and part_of(inside[0].name) != "train" and not _loose(path):
        path = inside[0]
        inside = _holders(path)
    parts: dict[str | None, list[Path]] = {}
    for entry in inside:
        parts.setdefault(part_of(entry.name), []).append(entry)
    train = parts.get("train", [])
    tests = parts.get("test") or parts.get("val") or []
    named = len(inside) > 1 and None not in parts
    if not (named or (train and tests)):
        return None
    if len(train) != 1 or len(tests) != 1:
        names = ", ".join(f"{entry.name}/" for entry in inside)
        raise ValueError(
            f"Expected one folder to train on and one to test with in {path}. "
            f"Received: {names}. Name the one to train on, such as "
            f"folder:{(train or tests)[0]}, and the one to test with as test data"
        )
    unused = [entry.name for entry in inside if entry not in (train[0], tests[0])]
    return Split(train[0], tests[0], tuple(unused))


def part_of(name: str) -> str | None:
    """Tells the part of a data set that a folder's name says."""
    words = re.findall(r"[a-z]+", name.lower())
    parts = [_PART_OF[word] for word in words if word in _PART_OF]
    rest = [word for word in words if word not in _PART_OF]
    return parts[0] if len(parts) == 1 and _BESIDE.issuperset(rest) else None


def _holders(path: Path) -> list[Path]:
    """Sub-folders that hold examples, in sorted order."""
    try:
        with os.scandir(path) as entries:
            folders = sorted(e.path for e in entries if e.is_dir())
    except OSError:
        return []
    visible = [Path(folder) for folder in folders]
    visible = [folder for folder in visible if not is_leftover(folder.name)]
    if len(visible) > 1 and not any(part_of(folder.name) for folder in visible):
        return visible  # Nothing depends on what they hold.
    return [folder for folder in visible if holds_examples(folder)]


def _loose(path: Path) -> bool:
    """Whether examples lie right in a folder."""
    return holds_examples(path, deep=False)
