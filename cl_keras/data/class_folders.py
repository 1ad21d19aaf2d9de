# SPDX-License-Identifier: Apache-2.0
"""Files of a folder whose sub-folders are classes."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from cl_keras.data.file_kinds import kind_of, text_of, why_unreadable
from cl_keras.data.folder_walk import Walked, is_leftover, walk

#: Share of the files that must lie in sub-folders for these to be classes.
LEAST_IN_CLASSES = 0.8


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


class Listed(NamedTuple):
    """All that lies below a folder, told apart.

    Attributes:
        files: Paths of files of the modality, in sorted order.
        skipped: Files of it that cannot be used, each with the reason.
        others: How many files are something else, by suffix.
        leftovers: Folders that systems leave behind, by name.
    """

    files: list[str]
    skipped: list[str]
    others: Counter[str]
    leftovers: Counter[str]


def find_files(
    path: Path,
    modality: str,
    *,
    classes: bool = True,
    listing: Iterable[str] | None = None,
) -> FoundFiles:
    """Finds the files of a folder and the classes that its sub-folders name.

    Two or more sub-folders are classes, named in sorted order, and may be nested; a
    lone sub-folder is entered. They are none where more than a fifth of the files lie
    beside them: then all files are used, without labels. Hidden files and folders,
    and folders that systems leave behind, are passed over.
    """
    files, skipped, _, _ = list_files(path, modality, listing=listing)
    if not classes:
        return FoundFiles(files, None, None, skipped)
    owners = top_folders(files, path)
    names = sorted({owner for owner in owners if owner is not None})
    loose = owners.count(None)
    if len(names) < 2 or loose > (1 - LEAST_IN_CLASSES) * len(files):
        return FoundFiles(files, None, None, skipped)
    skipped += [
        f"{text_of(file)} (beside the class folders, not in one)"
        for file, owner in zip(files, owners, strict=True)
        if owner is None
    ]
    index = {name: label for label, name in enumerate(names)}
    labels = np.array([index[owner] for owner in owners if owner is not None], np.int64)
    kept = [f for f, owner in zip(files, owners, strict=True) if owner is not None]
    return FoundFiles(kept, labels, tuple(map(text_of, names)), skipped)


def list_files(
    path: Path, modality: str, *, listing: Iterable[str] | None = None
) -> Listed:
    """Tells the files of one modality below a folder from all others."""
    local = listing is None
    listed = Listed([], [], Counter(), Counter())
    for file, why, is_folder in walk(path) if local else _visible(path, listing or ()):
        if is_folder:
            listed.leftovers[text_of(os.path.basename(file))] += 1
            continue
        kind = kind_of(file, look=local and not why)
        if why:
            # A broken link to a text is nobody's loss; one to a folder may be.
            if kind is None or kind[0] == modality:
                listed.skipped.append(f"{text_of(file)} ({why})")
        elif kind is None or kind[0] != modality:
            listed.others[os.path.splitext(file)[1].lower() or "no suffix"] += 1
        elif kind[1]:
            listed.files.append(file)
        else:
            why = why_unreadable(file, modality)
            listed.skipped.append(f"{text_of(file)} ({why})")
    return listed


def top_folders(files: list[str], path: Path) -> list[str | None]:
    """Tells the sub-folder that each file lies in, lone ones being entered."""
    owners = [os.path.relpath(file, path) for file in files]
    while True:
        tops = [
            owner.partition(os.sep)[0] if os.sep in owner else None for owner in owners
        ]
        # A lone sub-folder tells nothing apart: enter it, as in an archive unpacked
        # into a folder of its own name.
        if len(set(tops)) != 1 or tops[0] is None:
            return tops
        owners = [owner.partition(os.sep)[2] for owner in owners]


def _visible(path: Path, listing: Iterable[str]) -> Iterable[Walked]:
    """Files of a listing that are not hidden, nor in a hidden folder."""
    for file in listing:
        inside = os.path.relpath(file, path).split(os.sep)
        if not any(map(is_leftover, inside)):
            yield Walked(file)
