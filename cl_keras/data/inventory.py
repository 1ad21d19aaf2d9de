# SPDX-License-Identifier: Apache-2.0
"""What was made of a folder: parts, classes and what is left out, before it is read."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from cl_keras.data.file_kinds import text_of
from cl_keras.data.folder_walk import holds_examples
from cl_keras.data.listing import UNITS, in_classes
from cl_keras.data.source import Source

_SHOWN = 5


def take_inventory(source: Source) -> dict[str, Any]:
    """Tells what a folder holds, without reading its images or recordings."""
    if source.kind != "folder" or not holds_examples(source.path):
        return {}
    parts: dict[str, Any] = {}
    listed, split = source.listed, source.split
    skipped = set(listed.skipped)
    for name, folder in source.folders.items():
        found = in_classes(
            folder, listed.below(source.path, folder) if name else listed
        )
        skipped.update(found.skipped)
        counts = None
        if found.labels is not None:
            numbers = np.bincount(found.labels, minlength=len(found.class_names))
            counts = dict(zip(found.class_names, numbers.tolist(), strict=True))
        parts[name] = {
            "folder": text_of(str(folder)),
            "files": len(found.files),
            "classes": counts,
        }
    return {
        "modality": source.modality,
        "parts": parts,
        "unused": [] if split is None else list(map(text_of, split.unused)),
        "skipped": sorted(skipped),
        "others": dict(listed.others),
        "left_behind": dict(listed.leftovers),
    }


def inventory_lines(inventory: dict[str, Any]) -> list[str]:
    """Writes an inventory in a few lines."""
    if not inventory:
        return []
    unit = f"{UNITS[inventory['modality']]}s"
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
