# SPDX-License-Identifier: Apache-2.0
"""All files below a folder that a person put there."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from cl_keras.data.file_kinds import READABLE, kind_of

# Folders that systems and programs leave behind, in lower case, and the noise that
# Speech Commands keeps beside its words.
_LEFTOVERS = frozenset(
    (
        "@eadir",
        "@recycle",
        "#recycle",
        "#snapshot",
        "$recycle.bin",
        "__macosx",
        "__pycache__",
        "_background_noise_",
        "lost+found",
        "recycler",
        "system volume information",
    )
)
_LEFTOVER_FILES = frozenset(("thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r"))
# Links to folders within each other: a few are order, many are a maze.
_MOST_LINKS = 3


class Walked(NamedTuple):
    """What a walk meets."""

    path: str
    why: str = ""  # It cannot be used; empty for a file that can be opened.
    is_folder: bool = False  # One that is left out.


def is_leftover(name: str) -> bool:
    """Whether a file or folder of this name is no part of anybody's data."""
    lower = name.lower()
    return name.startswith(".") or lower in _LEFTOVERS or lower in _LEFTOVER_FILES


def walk(path: str | os.PathLike[str], *, deep: bool = True) -> Iterator[Walked]:
    """Goes through all files below a folder, in sorted order, files first.

    Links to folders are followed, so that two of them to one folder give its files
    twice; a link to a folder that it lies in is not.
    """
    stack = [(os.fspath(path), frozenset[tuple[int, int]](), 0)]
    while stack:
        folder, above, links = stack.pop()
        try:
            status = os.stat(folder)
            with os.scandir(folder) as entries:
                found = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            yield Walked(folder, f"cannot be listed: {error.strerror}")
            continue
        if (here := (status.st_dev, status.st_ino)) in above:
            continue
        folders = []
        for entry in found:
            if _is_folder(entry):
                if is_leftover(entry.name):
                    yield Walked(entry.path, is_folder=True)
                elif (deeper := links + entry.is_symlink()) <= _MOST_LINKS:
                    folders.append((entry.path, above | {here}, deeper))
            elif not is_leftover(entry.name):
                yield Walked(entry.path, _why_no_file(entry))
        if deep:
            stack += reversed(folders)


def holds_examples(path: Path, *, deep: bool = True) -> bool:
    """Whether a folder holds an image or a recording that can be read."""
    return any(
        kind is not None and kind[1]
        for found in walk(path, deep=deep)
        if not found.is_folder and not found.why
        for kind in (kind_of(found.path),)
    )


def modality_of_folder(path: Path) -> str | None:
    """Tells what most of a folder's files are."""
    # By their names alone, as far as that tells it: there may be a million.
    for look in (False, True):
        files = (x.path for x in walk(path) if not x.is_folder and not x.why)
        if (modality := most_common_modality(files, look=look)) is not None:
            return modality
    return None


def most_common_modality(files: Iterable[str], *, look: bool = True) -> str | None:
    """Tells what most of some files are."""
    counts = dict.fromkeys(READABLE, 0)
    for file in files:
        kind = kind_of(file, look=look)
        if kind is not None and kind[1]:
            counts[kind[0]] += 1
    if not any(counts.values()):
        return None
    return "audio" if counts["audio"] > counts["image"] else "image"


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _why_no_file(entry: os.DirEntry[str]) -> str:
    try:
        if entry.is_file():
            return ""
        mode = entry.stat().st_mode
    except FileNotFoundError:
        return "a link to a file that is not there"
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    return "a pipe" if stat.S_ISFIFO(mode) else "no regular file"
