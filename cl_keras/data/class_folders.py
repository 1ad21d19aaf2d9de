# SPDX-License-Identifier: Apache-2.0
"""Files of a folder whose sub-folders are classes."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np


class FoundFiles(NamedTuple):
    """What `find_files` found.

    Attributes:
        files: Paths, in sorted order.
        labels: `(count,)` int64, or None without class folders.
        class_names: Name of each label, or None.
        skipped: Files left out, each with the reason.
    """

    files: list[str]
    labels: np.ndarray | None
    class_names: tuple[str, ...] | None
    skipped: list[str]


def find_files(
    path: Path,
    readable: Collection[str],
    unreadable: Collection[str],
    advice: str,
    *,
    classes: bool = True,
    listing: Iterable[str] | None = None,
) -> FoundFiles:
    """Finds the files of a folder and the classes that its sub-folders name.

    Two or more sub-folders are classes, named in sorted order, and may be nested; a
    lone sub-folder is entered. Hidden files and folders are passed over.

    Args:
        path: The folder.
        readable: Suffixes wanted, such as `{".wav"}`, in lower case.
        unreadable: Suffixes of the same kind that cannot be read: named as skipped.
        advice: What to do about these, such as `"convert it to PNG"`.
        classes: Whether sub-folders are classes; without, all files count alike.
        listing: All files below the folder in sorted order, where it is not on this
            machine.

    Returns:
        Files, labels, class names and skipped files.

    Example:
    >>> find_files(Path("/no/such/folder"), {".wav"}, set(), "").files
    []
    """
    files: list[str] = []
    skipped: list[str] = []
    owners: list[str] = []
    for file in _walk(path) if listing is None else listing:
        suffix = os.path.splitext(file)[1].lower()
        if suffix in readable:
            files.append(file)
            owners.append(os.path.relpath(file, path))
        elif suffix in unreadable:
            skipped.append(f"{file} ({suffix} is not supported; {advice})")
    if not classes:
        return FoundFiles(files, None, None, skipped)
    while True:
        tops = [owner.partition(os.sep)[0] for owner in owners]
        loose = [os.sep not in owner for owner in owners]
        names = sorted({t for t, alone in zip(tops, loose, strict=True) if not alone})
        if len(names) == 1 and not any(loose):
            # A lone sub-folder tells nothing apart: enter it, as in an archive
            # unpacked into a folder of its own name.
            owners = [owner.partition(os.sep)[2] for owner in owners]
            continue
        break
    if len(names) < 2:
        return FoundFiles(files, None, None, skipped)
    skipped += [
        f"{file} (beside the class folders, not in one)"
        for file, alone in zip(files, loose, strict=True)
        if alone
    ]
    kept = [row for row, alone in enumerate(loose) if not alone]
    index = {name: label for label, name in enumerate(names)}
    labels = np.array([index[tops[row]] for row in kept], np.int64)
    return FoundFiles([files[row] for row in kept], labels, tuple(names), skipped)


def _walk(path: Path) -> Iterator[str]:
    """All visible files below a folder in sorted order; links are followed once."""
    seen: set[str] = set()
    for folder, folders, names in os.walk(path, followlinks=True):
        real = os.path.realpath(folder)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if not name.startswith("."):
                yield os.path.join(folder, name)
