# SPDX-License-Identifier: Apache-2.0
"""Pairs of files that two columns of a table name."""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cl_keras import extras
from cl_keras.data.file_kinds import kind_of, text_of, why_unreadable
from cl_keras.data.folder_walk import most_common_modality
from cl_keras.data.graphs.delimited import text_lines
from cl_keras.data.pairs.names import names_in, two_names
from cl_keras.data.pairs.pair_data import PairData
from cl_keras.data.pairs.paired_files import PairedFiles, Side, read_pairs
from cl_keras.labels import number_labels
from cl_keras.registry import unknown

Cells = list[str | None]


def load_table(
    spec: str,
    *,
    names: Sequence[str] | None = None,
    columns: str | Sequence[str] | None = None,
    label: str | None = None,
    group: str | None = None,
    **options: Any,
) -> PairData:
    """Loads the images or recordings that a table names, two a row."""
    path = Path(spec).expanduser()
    table = _read(path)
    asked = {"label": label, "group": group}
    kinds = {kind: name for kind, name in asked.items() if name is not None}
    if columns is None:
        places = [name for name in table if name not in kinds.values()][:2]
    else:
        places = names_in(columns)
    if len({*places}) != 2 or len(places) != 2:
        raise ValueError(
            f"Expected two columns of {path} that hold paths. Received: "
            f"{', '.join(map(repr, places))} of {', '.join(map(repr, table))}"
        )
    wanted = [*places, *kinds.values()]
    for name in wanted:
        if name not in table:
            raise unknown(f"column of {path}", name, table)
    found = _find(path, [table[name] for name in wanted], [*kinds])
    sides = two_names(names, places)
    return read_pairs(f"pairs:table:{spec}", found, sides, **options)


def _find(path: Path, columns: list[Cells], kinds: list[str]) -> PairedFiles:
    """Finds the two files of each row, and its label and group."""
    root, skipped = path.parent, []
    files: list[tuple[str, str]] = []
    known: list[dict[str, str]] = []
    for number, row in enumerate(zip(*columns, strict=True), 1):
        if not all(row):
            skipped.append(f"{text_of(str(path))} (row {number} has a blank cell)")
            continue
        first, second, *others = map(str, row)
        pair = (_inside(root, first, path, number), _inside(root, second, path, number))
        missing = [file for file in pair if not os.path.isfile(file)]
        skipped += [f"{text_of(file)} (is not there: row {number})" for file in missing]
        if not missing:
            files.append(pair)
            known.append(dict(zip(kinds, others, strict=True)))
    modalities = [
        most_common_modality(pair[side] for pair in files) or "image" for side in (0, 1)
    ]
    good = []
    for pair in files:
        why = [_why_not(*place) for place in zip(pair, modalities, strict=True)]
        skipped += [f"{text_of(x)} ({y})" for x, y in zip(pair, why, strict=True) if y]
        good.append(not any(why))
    if not any(good):
        raise ValueError(
            f"Expected rows in {path} that name two files each, images or recordings. "
            f"Received: none; {'; '.join(skipped[:3]) or 'no rows'}"
        )
    rows = np.flatnonzero(good).tolist()
    known = [known[n] for n in rows]
    labels, class_names = number_labels(known)
    sides = [
        Side(root, modality, [files[n][side] for n in rows])
        for side, modality in enumerate(modalities)
    ]
    return PairedFiles(
        (sides[0], sides[1]),
        labels.get("label"),
        class_names.get("label"),
        np.array([row["group"] for row in known]) if "group" in kinds else None,
        skipped,
    )


def _inside(root: Path, text: str, table: Path, row: int) -> str:
    """A path of a table, which must stay in the table's folder."""
    inside = os.path.normpath(text)
    if os.path.isabs(inside) or inside.split(os.sep)[0] == os.pardir:
        raise ValueError(
            f"Expected paths in {table} as seen from its folder, and in it. Received: "
            f"{text!r} in row {row}"
        )
    return os.path.join(root, inside)


def _why_not(file: str, modality: str) -> str:
    """Why a file cannot be read as what most files of its column are."""
    kind = kind_of(file)
    if kind is None or kind[0] != modality:
        unit = {"image": "an image", "audio": "a recording"}[modality]
        return f"is not {unit}, as most of its column are"
    return "" if kind[1] else why_unreadable(file, modality)


def _read(path: Path) -> Mapping[str, Cells]:
    """Reads a table as text, column by column."""
    lower = path.name.lower()
    if lower.endswith(".parquet"):
        return _read_parquet(path)
    if not lower.endswith((".csv", ".csv.gz")):
        raise ValueError(f"Expected a table, .csv or .parquet. Received: {path}")
    try:
        rows = [*csv.reader(line.decode() for line in text_lines(path))]
    except csv.Error as error:
        raise ValueError(f"Cannot read {path}: {error}") from error
    header, *cells = [row for row in rows if row] or [[]]
    names = [name.strip() for name in header]
    if len({*names}) < len(names):
        raise ValueError(
            "Expected columns that are told apart by their names, in the first line of "
            f"{path}. Received: {', '.join(map(repr, names))}"
        )
    return {
        name: [row[n].strip() if n < len(row) else None for row in cells]
        for n, name in enumerate(names)
    }


def _read_parquet(path: Path) -> Mapping[str, Cells]:
    parquet = extras.require("pyarrow.parquet", extra="parquet")
    arrow = extras.require("pyarrow", extra="parquet")
    try:
        table = parquet.read_table(path)
    except (arrow.ArrowException, OSError) as error:
        raise ValueError(f"Cannot read {path}: {error}") from error
    return {
        name: [None if cell is None else str(cell) for cell in column.to_pylist()]
        for name, column in zip(table.column_names, table.columns, strict=True)
    }
