# SPDX-License-Identifier: Apache-2.0
"""Pairs of files, each an image or a recording, read by the readers of folders."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from cl_keras import check
from cl_keras.data.file_kinds import text_of
from cl_keras.data.images.folder import load_folder
from cl_keras.data.images.own_size import height_width
from cl_keras.data.listing import FoundFiles
from cl_keras.data.pairs.pair_data import PairData
from cl_keras.data.sequences.audio import read_audio


class Side(NamedTuple):
    """The files of one kind of inputs, before they are read: one a pair."""

    root: Path
    modality: str
    files: list[str]


class PairedFiles(NamedTuple):
    """Two files a pair, with what is known of each pair."""

    sides: tuple[Side, Side]
    labels: np.ndarray | None
    class_names: tuple[str, ...] | None
    groups: np.ndarray | None
    skipped: list[str]  # Each with the reason.


def read_pairs(
    name: str,
    found: PairedFiles,
    names: Sequence[str],
    *,
    image_size: int | tuple[int, int] | None = None,
    sample_rate: int | None = None,
    window: int | None = None,
) -> PairData:
    """Reads each file once, however many pairs it is in, and lays pairs together."""
    _check_taken(name, found, image_size, sample_rate, window)
    # What was left out before is said with what the first cannot read.
    skipped: tuple[str, ...] = tuple(found.skipped)
    rows: list[np.ndarray] = []
    values: list[np.ndarray | tuple[np.ndarray, ...]] = []
    for side in found.sides:
        files = [*dict.fromkeys(side.files)]
        listed = FoundFiles(files, None, None, [*skipped] if not rows else [])
        if side.modality == "image":
            images = load_folder(side.root, height_width(image_size), found=listed)
            values.append(images.images)
            ids, failed = images.ids, images.skipped
        else:
            recordings = read_audio(side.root, listed, sample_rate)
            sample_rate = recordings.sample_rate
            values.append(recordings.sequences)
            ids, failed = recordings.ids, recordings.skipped
        skipped = skipped + failed[len(listed.skipped) :]
        place = {file: row for row, file in enumerate(ids or ())}
        own = [text_of(os.path.relpath(file, side.root)) for file in side.files]
        rows.append(np.array([place.get(file, -1) for file in own], np.int64))
    good = (rows[0] >= 0) & (rows[1] >= 0)
    skipped += _without_partner(found.sides, rows)
    if not good.any():
        raise ValueError(
            f"Expected pairs in {name} of which both files can be used. Received: "
            f"none of {len(good)}; {'; '.join(skipped[:3])}"
        )
    inputs = {
        side: _taken(part, row[good], window, name)
        for side, part, row in zip(names, values, rows, strict=True)
    }
    return PairData(
        name,
        inputs,
        None if found.labels is None else found.labels[good],
        found.class_names,
        None if found.groups is None else found.groups[good],
        skipped,
        sample_rate,
        tuple(
            name
            for name, side in zip(names, found.sides, strict=True)
            if side.modality == "audio"
        ),
    )


def _check_taken(
    name: str,
    found: PairedFiles,
    image_size: object,
    sample_rate: object,
    window: int | None,
) -> None:
    modalities = [side.modality for side in found.sides]
    for option, value, owner, unit in (
        ("image_size", image_size, "image", "images"),
        ("sample_rate", sample_rate, "audio", "recordings"),
        ("window", window, "audio", "recordings"),
    ):
        if value is not None and owner not in modalities:
            raise ValueError(
                f"Expected `{option}` with {unit}. Received: {option}={value!r}, and "
                f"{name}, which has none"
            )
    check.at_least(1, window=1 if window is None else window)


def _without_partner(
    sides: tuple[Side, Side], rows: Sequence[np.ndarray]
) -> tuple[str, ...]:
    """Files that are good, of pairs whose other file is not."""
    lost = []
    for one, other in ((0, 1), (1, 0)):
        for pair in np.flatnonzero((rows[one] >= 0) & (rows[other] < 0)).tolist():
            file, partner = (text_of(sides[n].files[pair]) for n in (one, other))
            lost.append(f"{file} (its partner {partner} cannot be used)")
    return tuple(lost)


def _taken(
    part: np.ndarray | tuple[np.ndarray, ...],
    rows: np.ndarray,
    window: int | None,
    name: str,
) -> np.ndarray:
    """The inputs of some rows as one array."""
    if isinstance(part, np.ndarray):
        return part[rows]
    lengths = [len(part[row]) for row in rows]
    if window is None and len({*lengths}) > 1:
        raise ValueError(
            "Expected recordings of one length, or `window` (data.window), the samples "
            f"to take of each. Received: {min(lengths):,} to {max(lengths):,} samples "
            f"in {name}"
        )
    # What is longer ends there; what is shorter starts over.
    return np.stack([np.resize(part[row], window or lengths[0]) for row in rows])
