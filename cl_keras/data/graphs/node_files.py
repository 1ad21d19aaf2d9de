# SPDX-License-Identifier: Apache-2.0
"""Features and labels of nodes in files of their own, beside a table of edges."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from cl_keras.data.graphs.delimited import text_lines
from cl_keras.data.graphs.node_arrays import (
    ARRAYS,
    array_labels,
    float_features,
    load_array,
)
from cl_keras.data.graphs.tables import TextTable, plain

_IDS = ("", "id", "ids", "node", "nodes", "nodeid", "nodeids", "nodeindex", "index")
_LABELS = ("label", "labels", "class", "classes", "y", "target", "category")
#: What a column `part` may say; blank where a node is of none.
PARTS = ("train", "validation", "test")


class NodeFile:
    """A table or an array with a row for each node: its features or its label."""

    def __init__(self, path: Path, *, is_labels: bool) -> None:
        self.path, self.is_labels = path, is_labels
        self.note = ""
        self.ids: np.ndarray | None = None
        self.parts: np.ndarray | None = None
        self._table: TextTable | None = None
        self._array: Any = None
        self._names: bool | None = False
        if path.suffix.lower() in ARRAYS:
            self._array = load_array(
                path, ("labels", "y") if is_labels else ("features", "x")
            )
        else:
            self._table = TextTable(
                path, text_lines(path), blank_rows=is_labels, text=is_labels
            )
            self._names = self._table.begins_with_names(self._known)

    @property
    def rows(self) -> int | None:
        """How many rows it has; None while it is not decided what its first line is."""
        if self._table is None:
            return int(self._array.shape[0])
        return None if self._names is None else len(self._table.lines) - self._names

    def decide(self, rows: int | None, least: int | None) -> None:
        """Decides what its first line is."""
        if self._table is None:
            return
        if self._names is None:
            has_ids = self.is_labels and len(self._table.first) > 1
            counts = (None, None) if has_ids else (rows, least)
            self._names = self._table.begins_with_names(
                self._known, *counts, final=True
            )
        if self._names is None and self.is_labels and len(self._table.first) > 1:
            # Each node stands in it once: 0 is a name if node 0 comes again.
            column = self._table.read(False, (0,))[0].values
            self._names = bool((column[1:] == column[0]).any())
        if self._names is None:
            width = range(len(self._table.first))
            names = ["label"] if self.is_labels else [f"feature{i}" for i in width]
            raise self._table.undecided(",".join(names))
        first = self._table.lines[0].decode()[:60] if self._table.lines else ""
        kind = "the names of columns" if self._names else "values"
        self.note = f"{self.path.name}: the first line, {first!r}, is taken as {kind}"

    def features(self) -> Any:
        """Reads features, and `ids` where a column holds them."""
        if self._table is None:
            return float_features(self.path, self._array)
        table, names = self._table, bool(self._names)
        columns = table.read(names)
        ids = self._id_column()
        if ids is None and not names and columns and columns[0].is_text:
            ids = 0 if all(_no_number(x) for x in columns[0].values[:9]) else None
        if ids is not None:
            self.ids = self._read_ids(ids)
        kept = [place for place in range(len(columns)) if place != ids]
        for place in kept:
            column = columns[place]
            wrong = column.blank.copy()
            if column.is_text:
                wrong |= np.array([_no_number(x) for x in column.values], bool)
            else:
                wrong |= ~np.isfinite(column.values.astype(np.float64))
            if wrong.any():
                what = f"finite numbers, and in column {place + 1} too,"
                raise table.refused(int(np.argmax(wrong)), names, what)
        if not kept or not len(columns[0].blank):
            raise ValueError(f"Expected features of at least one node in {self.path}.")
        values = np.empty((len(columns[0].blank), len(kept)), np.float32)
        for row, place in enumerate(kept):
            values[:, row] = columns[place].values
        return values

    def labels(self) -> np.ndarray:
        """Reads labels, and `ids` and `parts` where a column holds them."""
        if self._table is None:
            return array_labels(self.path, self._array)
        table, names = self._table, bool(self._names)
        columns = table.read(names)
        if not columns:
            return np.zeros(0)
        places = list(range(len(columns)))
        if names and (parts := [p for p in places if plain(table.first[p]) == "part"]):
            places.remove(parts[0])
            self.parts = self._read_parts(parts[0])
        ids, place = self._id_column(), places[0] if places else 0
        if len(places) != 1 or ids is not None:
            known = [p for p in places if names and plain(table.first[p]) in _LABELS]
            if ids is None and len(places) == 2:
                ids = places[int(known == places[:1])]
            others = [p for p in places if p != ids]
            if len(others) > 1:
                others = [p for p in others if p in known]
            if ids is None or len(others) != 1:
                raise ValueError(
                    f"Expected a label a line, or an id and a label, in {self.path}. "
                    f"Received: {len(columns)} columns"
                    + (f", {table.first[:6]}" if names else "")
                )
            place = others[0]
            self.ids = self._read_ids(ids)
        column = columns[place]
        if column.values.dtype == bool:
            column = table.read(names, (place,))[place]
        if column.is_text:
            return np.where(column.blank, "", column.values).astype(str)
        return np.where(column.blank, np.nan, column.values.astype(np.float64))

    @property
    def _known(self) -> tuple[str, ...]:
        return _IDS[1:] + ((*_LABELS, "part") if self.is_labels else ())

    def _id_column(self) -> int | None:
        table = self._table
        if table is None or not self._names or len(table.first) < 2:
            return None
        found = [p for p, name in enumerate(table.first) if plain(name) in _IDS]
        return found[0] if found and (table.first[found[0]] or not found[0]) else None

    def _read_parts(self, place: int) -> np.ndarray:
        table = self._table
        if table is None:
            raise TypeError(f"{self.path} is no table")
        column = table.read(True, (place,))[place]
        parts = np.where(column.blank, "", column.values).astype(str)
        if (wrong := ~np.isin(parts, ("", *PARTS))).any():
            what = f"{', '.join(PARTS)} or a blank in the column 'part'"
            raise table.refused(int(np.argmax(wrong)), True, what)
        if missing := {"train", "test"} - {*parts.tolist()}:
            raise ValueError(
                f"Expected nodes of the parts train and test in {self.path}. Received: "
                f"none of {' and '.join(sorted(missing))}"
            )
        return parts

    def _read_ids(self, place: int) -> np.ndarray:
        table = self._table
        if table is None:
            raise TypeError(f"{self.path} is no table")
        ids = read_ids(table, bool(self._names), place)
        _, first, counts = np.unique(ids, return_index=True, return_counts=True)
        if (counts > 1).any():
            twice = ids[first[np.argmax(counts > 1)]]
            row = int(np.flatnonzero(ids == twice)[1])
            raise table.refused(row, bool(self._names), "each id once")
        return ids


def read_ids(table: TextTable, names: bool, place: int) -> np.ndarray:
    """Reads a column of ids."""
    column = table.read(names)[place]
    if column.blank.any():
        raise table.refused(
            int(np.argmax(column.blank)), names, f"an id in column {place + 1}"
        )
    if column.values.dtype == np.float64:
        wrong = column.values != np.floor(column.values)
        if wrong.any():
            expected = f"whole numbers or names as ids in column {place + 1}"
            raise table.refused(int(np.argmax(wrong)), names, expected)
        if np.abs(column.values).max(initial=0) < 2**53:
            return column.values.astype(np.int64)
    texts = column.values
    if not column.is_text:
        if column.values.dtype == np.int64 and not table.has_padded_numbers():
            return column.values
        texts = table.read(names, (place,))[place].values
        if (texts.astype(str) == column.values.astype(str)).all():
            return column.values
    return texts.astype(str)


def _no_number(cell: Any) -> bool:
    try:
        return not np.isfinite(float(cell))
    except (TypeError, ValueError):
        return True
