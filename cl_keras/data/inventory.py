# SPDX-License-Identifier: Apache-2.0
"""What was made of a folder: parts, classes and what is left out, before it is read."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from cl_keras.data.class_folders import find_files, list_files
from cl_keras.data.file_kinds import text_of
from cl_keras.data.folder_walk import modality_of_folder
from cl_keras.data.spec import parse
from cl_keras.data.split_folders import find_split

_SHOWN = 5
_UNITS = {"image": "images", "audio": "recordings"}


def take_inventory(spec: str) -> dict[str, Any]:
    """Tells what a folder holds, without reading its images or recordings."""
    kind, path = parse(spec)
    modality = modality_of_folder(path) if kind == "folder" else None
    if modality is None:
        return {}
    split = find_split(path)
    folders = (
        {"": path} if split is None else {"train": split.train, "test": split.test}
    )
    parts: dict[str, Any] = {}
    skipped: list[str] = []
    for name, folder in folders.items():
        found = find_files(folder, modality)
        skipped += found.skipped
        counts = None
        if found.labels is not None and found.class_names is not None:
            numbers = np.bincount(found.labels, minlength=len(found.class_names))
            counts = dict(zip(found.class_names, numbers.tolist(), strict=True))
        parts[name] = {
            "folder": text_of(str(folder)),
            "files": len(found.files),
            "classes": counts,
        }
    listed = list_files(path, modality)
    return {
        "modality": modality,
        "parts": parts,
        "unused": [] if split is None else list(map(text_of, split.unused)),
        "skipped": sorted({*skipped, *listed.skipped}),
        "others": dict(listed.others),
        "left_behind": dict(listed.leftovers),
    }


def inventory_lines(inventory: dict[str, Any]) -> list[str]:
    """Writes an inventory in a few lines."""
    if not inventory:
        return []
    unit = _UNITS[inventory["modality"]]
    lines = []
    for name, part in inventory["parts"].items():
        use = {"train": " to train on", "test": " to test with"}.get(name, "")
        classes = part["classes"]
        kinds = f"classes: {_some(classes)}" if classes else "no classes"
        lines.append(f"{part['folder']}: {part['files']:,} {unit}{use}; {kinds}")
    if inventory["unused"]:
        lines.append(f"not used: {', '.join(inventory['unused'])}")
    if skipped := inventory["skipped"]:
        more = f" and {len(skipped) - 3:,} more" if len(skipped) > 3 else ""
        lines.append(f"skipped: {'; '.join(skipped[:3])}{more}")
    for title, counts in (
        (f"no {unit}", inventory["others"]),
        ("left behind by systems, passed over", inventory["left_behind"]),
    ):
        if counts:
            lines.append(f"{title}: {_some(counts)}")
    return lines


def _some(counts: dict[str, int]) -> str:
    """The most frequent of some names, with their numbers."""
    first = Counter(counts).most_common(_SHOWN)
    rest = len(counts) - len(first)
    text = ", ".join(f"{name} ({number:,})" for name, number in first)
    return text + (f" and {rest:,} more" if rest else "")
