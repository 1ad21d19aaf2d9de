# SPDX-License-Identifier: Apache-2.0
"""The files of a folder, with the labels that sub-folders or names give them."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from cl_keras.data.file_kinds import kind_of, sorted_suffixes, text_of, why_unreadable
from cl_keras.data.folder_walk import Walked, is_leftover, walk
from cl_keras.labels import number_labels
from cl_keras.registry import unknown

#: What an example of each modality is called.
UNITS = {"image": "image", "audio": "recording"}

#: Share of the files that must lie in sub-folders for these to be classes.
LEAST_IN_CLASSES = 0.8


class FoundFiles(NamedTuple):
    """Files with their labels, before they are read."""

    files: list[str]
    labels: Any  # `(count,)` int64, or such by kind, or None.
    class_names: Any
    skipped: list[str]  # Each with the reason.

    def label_texts(self) -> list[dict[str, str]]:
        """Names the labels of each file by kind, as files are packed and embedded."""
        labels, names = self.labels, self.class_names
        if labels is None:
            return [{} for _ in self.files]
        if not isinstance(labels, Mapping):
            labels, names = {"label": labels}, {"label": names}
        return [
            {kind: names[kind][column[row]] for kind, column in labels.items()}
            for row in range(len(self.files))
        ]


class Listed(NamedTuple):
    """All that lies below a folder, told apart: files of a modality, and the rest."""

    files: list[str]
    skipped: list[str]
    others: Counter[str]  # By suffix.
    leftovers: Counter[str]  # Folders that systems leave behind, by name.

    def below(self, root: Path, folder: Path) -> Listed:
        """What of the files of a folder lies in one inside it."""
        start = len(os.path.join(root, ""))
        inside = os.path.join(os.path.relpath(folder, root), "")
        files = [file for file in self.files if file.startswith(inside, start)]
        start = len(text_of(os.path.join(root, "")))
        skipped = [x for x in self.skipped if x.startswith(text_of(inside), start)]
        return self._replace(files=files, skipped=skipped)


def find_examples(
    path: Path,
    modality: str,
    *,
    pattern: str | None = None,
    label: str | None = None,
    listed: Listed | None = None,
) -> FoundFiles:
    """Finds images or recordings, of which there must be some, without reading them.

    With a pattern sub-folders are no classes. Images have one kind of labels;
    recordings have all kinds, unless `label` chooses one.
    """
    unit = UNITS[modality]
    if not path.is_dir():
        raise ValueError(f"Expected a folder of {unit}s. Received: {path}")
    names = _name_pattern(pattern, label, several=modality == "audio")
    listed = listed or list_files(path, modality)
    found = FoundFiles(listed.files, None, None, listed.skipped)
    if names is None:
        found = in_classes(path, listed)
    if not found.files:
        unreadable = f" Not readable: {', '.join(found.skipped[:3])}"
        raise ValueError(
            f"Found no {unit} ({sorted_suffixes(modality)}) in {path}."
            + (unreadable if found.skipped else "")
        )
    if names is None:
        return found
    matches = {file: names.search(Path(text_of(file)).stem) for file in found.files}
    matched = {file: x.groupdict("") for file, x in matches.items() if x is not None}
    if not matched:
        raise ValueError(
            f"`pattern` matches none of the {len(matches)} file names in {path}, such "
            f"as {os.path.basename(text_of(found.files[0]))!r}. Received: "
            f"pattern={pattern!r}"
        )
    labels, class_names = number_labels(list(matched.values()))
    skipped = [
        f"{text_of(file)} (its name does not match the pattern)"
        for file in found.files
        if file not in matched
    ]
    kind = label or (next(iter(names.groupindex)) if modality == "image" else None)
    return FoundFiles(
        list(matched),
        labels if kind is None else labels[kind],
        class_names if kind is None else class_names[kind],
        found.skipped + skipped,
    )


def find_files(
    path: Path, modality: str, *, listing: Iterable[str] | None = None
) -> FoundFiles:
    """Finds the files of a folder, or of a listing of one, with their classes."""
    return in_classes(path, list_files(path, modality, listing=listing))


def in_classes(path: Path, listed: Listed) -> FoundFiles:
    """Finds the classes of files that the sub-folders of a folder name.

    Two or more sub-folders are classes, named in sorted order, and may be nested; a
    lone sub-folder is entered. They are none where more than a fifth of the files lie
    beside them: then all files are used, without labels. Hidden files and folders,
    and folders that systems leave behind, are passed over.
    """
    files, skipped = listed.files, listed.skipped
    owners = top_folders(files, path)
    names = sorted({owner for owner in owners if owner is not None})
    loose = owners.count(None)
    if len(names) < 2 or loose > (1 - LEAST_IN_CLASSES) * len(files):
        return FoundFiles(files, None, None, skipped)
    skipped = skipped + [
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
    owners = [inside(file, path) for file in files]
    while True:
        tops = [
            owner.partition(os.sep)[0] if os.sep in owner else None for owner in owners
        ]
        # A lone sub-folder tells nothing apart: enter it, as in an archive unpacked
        # into a folder of its own name.
        if len(set(tops)) != 1 or tops[0] is None:
            return tops
        owners = [owner.partition(os.sep)[2] for owner in owners]


def inside(file: str, folder: str | os.PathLike[str]) -> str:
    """The path of a file in a folder; there may be a million files."""
    start = os.path.join(folder, "")
    return (
        file[len(start) :] if file.startswith(start) else os.path.relpath(file, folder)
    )


def _visible(path: Path, listing: Iterable[str]) -> Iterable[Walked]:
    """Files of a listing that are not hidden, nor in a hidden folder."""
    for file in listing:
        inside = os.path.relpath(file, path).split(os.sep)
        if not any(map(is_leftover, inside)):
            yield Walked(file)


def _name_pattern(
    pattern: str | None, label: str | None, several: bool
) -> re.Pattern[str] | None:
    """The expression whose named groups, found in a file's name, are its labels."""
    if pattern is None:
        if label is not None:
            raise ValueError(
                "`label` names a group of `pattern`, which is not given. "
                f"Received: label={label!r}"
            )
        return None
    try:
        names = re.compile(pattern)
    except (re.error, TypeError) as error:
        raise ValueError(
            f"`pattern` is no regular expression ({error}). Received: {pattern!r}"
        ) from error
    if not names.groupindex:
        raise ValueError(
            r"`pattern` needs a named group for each kind of labels, such as "
            rf"(?P<speaker>[a-z]+). Received: {pattern!r}"
        )
    if label is not None and label not in names.groupindex:
        raise unknown("kind of labels", label, names.groupindex)
    if label is None and len(names.groupindex) > 1 and not several:
        raise ValueError(
            "`pattern` has several kinds of labels: choose one of them with `label`: "
            f"{', '.join(names.groupindex)}. Received: label=None"
        )
    return names
