# SPDX-License-Identifier: Apache-2.0
"""Pairs of files in two folders that have the same name but for its suffix."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cl_keras.data.file_groups import group_pattern, groups_of
from cl_keras.data.file_kinds import text_of
from cl_keras.data.folder_walk import modality_of_folder
from cl_keras.data.listing import FoundFiles, Listed, find_examples, list_files
from cl_keras.data.pairs.names import names_of_places
from cl_keras.data.pairs.pair_data import PairData
from cl_keras.data.pairs.paired_files import PairedFiles, Side, read_pairs
from cl_keras.data.split_folders import find_split


def load_folders(
    spec: str,
    *,
    names: Sequence[str] | None = None,
    pattern: str | None = None,
    label: str | None = None,
    group: str | None = None,
    **options: Any,
) -> PairData:
    """Loads the files of two folders: images, or recordings, or one of each."""
    roots = [Path(part).expanduser() for part in spec.split(",")]
    if len(roots) != 2 or roots[0].resolve() == roots[1].resolve():
        raise ValueError(
            "Expected two folders, as in pairs:folder:A,B. Received: "
            f"pairs:folder:{spec}"
        )
    for root in roots:
        if not root.is_dir():
            raise ValueError(f"Expected a folder. Received: {root}")
    if split := find_split(roots[0]):
        part = os.path.relpath(split.train, roots[0])
        raise ValueError(
            f"{roots[0]} is split into {split.train.name}/ and {split.test.name}/, "
            "which are not classes. Name one part of both, such as "
            f"pairs:folder:{roots[0] / part},{roots[1] / part}"
        )
    sides = names_of_places(names, [root.resolve().name for root in roots])
    found = _find(roots, pattern, label, group)
    return read_pairs(f"pairs:folder:{spec}", found, sides, **options)


def _find(
    roots: list[Path], pattern: str | None, label: str | None, group: str | None
) -> PairedFiles:
    """Finds the pairs of two folders with the labels of the first one's files."""
    modalities = [modality_of_folder(root) or "image" for root in roots]
    listed = [list_files(*place) for place in zip(roots, modalities, strict=True)]
    skipped = [text for part in listed for text in part.skipped]
    keyed = [_by_key(*place, skipped) for place in zip(roots, listed, strict=True)]
    for files, others, other in zip(keyed, keyed[::-1], roots[::-1], strict=True):
        skipped += [
            f"{text_of(file)} (has no partner in {other})"
            for key, file in files.items()
            if key not in others
        ]
    both = [key for key in keyed[0] if key in keyed[1]]
    if not both:
        raise ValueError(
            f"Expected files of the same name, but for its suffix, in {roots[0]} and "
            f"{roots[1]}. Received: none; {'; '.join(skipped[:3]) or 'no such files'}"
        )
    rest = Listed([keyed[0][key] for key in both], skipped, *listed[0][2:])
    first, groups = _labelled(roots[0], modalities[0], rest, pattern, label, group)
    partners = {keyed[0][key]: keyed[1][key] for key in both}
    second = [partners[file] for file in first.files]
    return PairedFiles(
        (
            Side(roots[0], modalities[0], first.files),
            Side(roots[1], modalities[1], second),
        ),
        first.labels,
        first.class_names,
        groups,
        first.skipped,
    )


def _by_key(root: Path, listed: Listed, skipped: list[str]) -> dict[str, str]:
    """Files by what partners have in common; those that share it tell no pair."""
    files: dict[str, list[str]] = {}
    for file in listed.files:
        key = os.path.splitext(os.path.relpath(file, root))[0]
        files.setdefault(key, []).append(file)
    skipped += [
        f"{text_of(file)} (another file differs from it by its suffix only)"
        for alike in files.values()
        for file in alike
        if len(alike) > 1
    ]
    return {key: alike[0] for key, alike in files.items() if len(alike) == 1}


def _labelled(
    root: Path,
    modality: str,
    listed: Listed,
    pattern: str | None,
    label: str | None,
    group: str | None,
) -> tuple[FoundFiles, np.ndarray | None]:
    """The files with their labels, and the group of each."""
    if group is not None:
        group_pattern(pattern, group)
    found = find_examples(
        root, modality, pattern=pattern, label=label or group, listed=listed
    )
    if group is None:
        return _one_kind(found), None
    groups = groups_of(found.files, pattern, group)
    return found if label else found._replace(labels=None, class_names=None), groups


def _one_kind(found: FoundFiles) -> FoundFiles:
    """The one kind of labels, where recordings have them by kind."""
    if not isinstance(found.labels, Mapping):
        return found
    if len(found.labels) > 1:
        raise ValueError(
            "`pattern` has several kinds of labels: choose one of them with `label`: "
            f"{', '.join(found.labels)}. Received: label=None"
        )
    kind = next(iter(found.labels))
    return found._replace(
        labels=found.labels[kind], class_names=found.class_names[kind]
    )
