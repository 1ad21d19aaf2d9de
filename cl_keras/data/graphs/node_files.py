# SPDX-License-Identifier: Apache-2.0
"""Features and labels of nodes in files of their own, beside a table of edges."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from cl_keras import extras
from cl_keras.data.graphs.delimited import text_lines
from cl_keras.data.graphs.tables import TextTable, plain

ARRAYS = (".npy", ".npz")
_IDS = ("", "id", "ids", "node", "nodes", "nodeid", "nodeids", "nodeindex", "index")
_LABELS = ("label", "labels", "class", "classes", "y", "target", "category")


class NodeFile:
    """A file with a row for each node.

    Args:
        path: The table or array.
        is_labels: Whether it holds labels; features else.

    Raises:
        ValueError: If it cannot be read.
    """

    def __init__(self, path: Path, *, is_labels: bool) -> None:
        self.path, self.is_labels = path, is_labels
        self.note = ""
        self.ids: np.ndarray | None = None
        self._table: TextTable | None = None
        self._array: Any = None
        self._names: bool | None = False
        if path.suffix.lower() in ARRAYS:
            self._array = _load(
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
        """Decides what its first line is.

        Args:
            rows: How many nodes there are, where another file says it.
            least: How many the edges name, at least.

        Raises:
            ValueError: If it cannot be told.
        """
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
        """Reads features, and `ids` where a column holds them.

        Returns:
            `(nodes, F)` float32, an array or a CSR matrix.

        Raises:
            ValueError: If a cell is blank, is no number or is not finite.
        """
        if self._table is None:
            return _float32(self.path, self._array)
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
        """Reads labels, and `ids` where a column holds them.

        Returns:
            `(rows,)` float64, NaN where unknown; or text, empty where unknown.

        Raises:
            ValueError: If there is more than a label, or an id and a label, a row.
        """
        if self._table is None:
            return _label_array(self.path, self._array)
        table, names = self._table, bool(self._names)
        columns = table.read(names)
        ids, place = self._id_column(), 0
        if len(columns) > 1:
            known = [plain(x) in _LABELS for x in table.first] if names else []
            if ids is None and len(columns) == 2:
                ids = int(known == [True, False])
            others = [p for p in range(len(columns)) if p != ids]
            if len(others) > 1:
                others = [p for p in others if known and known[p]]
            if ids is None or len(others) != 1:
                raise ValueError(
                    f"Expected a label a line, or an id and a label, in {self.path}. "
                    f"Received: {len(columns)} columns"
                    + (f", {table.first[:6]}" if names else "")
                )
            place = others[0]
            self.ids = self._read_ids(ids)
        if not columns:
            return np.zeros(0)
        column = columns[place]
        if column.values.dtype == bool:
            column = table.read(names, (place,))[place]
        if column.is_text:
            return np.where(column.blank, "", column.values).astype(str)
        return np.where(column.blank, np.nan, column.values.astype(np.float64))

    @property
    def _known(self) -> tuple[str, ...]:
        known = _IDS[1:] + (_LABELS if self.is_labels else ())
        return known

    def _id_column(self) -> int | None:
        table = self._table
        if table is None or not self._names or len(table.first) < 2:
            return None
        found = [p for p, name in enumerate(table.first) if plain(name) in _IDS]
        return found[0] if found and (table.first[found[0]] or not found[0]) else None

    def _read_ids(self, place: int) -> np.ndarray:
        assert self._table is not None
        ids = read_ids(self._table, bool(self._names), place)
        _, first, counts = np.unique(ids, return_index=True, return_counts=True)
        if (counts > 1).any():
            twice = ids[first[np.argmax(counts > 1)]]
            row = int(np.flatnonzero(ids == twice)[1])
            raise self._table.refused(row, bool(self._names), "each id once, and so")
        return ids


def read_ids(table: TextTable, names: bool, place: int) -> np.ndarray:
    """Reads a column of ids.

    Args:
        table: The table.
        names: Whether its first line holds names.
        place: The column.

    Returns:
        int64 numbers; or text where any is none, has zeros in front, or is too large.

    Raises:
        ValueError: If a cell is blank.
    """
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


def _load(path: Path, keys: tuple[str, ...]) -> Any:
    try:
        content = np.load(path, allow_pickle=False)
        if isinstance(content, np.ndarray):
            return content
        with content:
            if "format" in content.files and "shape" in content.files:
                sparse = extras.require("scipy.sparse", extra="tables")
                return sparse.csr_matrix(sparse.load_npz(path))
            found = [key for key in keys if key in content.files]
            if not found and len(content.files) != 1:
                raise ValueError(
                    f"Expected an array {keys[0]!r}, only one array, or a SciPy "
                    f"matrix. Received: {', '.join(content.files) or 'none'}"
                )
            return content[(found or content.files)[0]]
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile) as error:
        raise ValueError(f"Cannot read {path}: {error}") from error


def _float32(path: Path, values: Any) -> Any:
    if values.dtype.kind not in "biuf":
        raise ValueError(f"Expected numbers in {path}. Received dtype: {values.dtype}")
    if values.ndim != 2:
        raise ValueError(
            f"Expected features as (nodes, F) in {path}. Received shape: {values.shape}"
        )
    data = values if isinstance(values, np.ndarray) else values.data
    finite = np.isfinite(data)
    if not finite.all():
        row = f", the first in row {int(np.argmin(finite.all(axis=1)))}"
        raise ValueError(
            f"Expected finite features in {path}. Received: {int((~finite).sum())} NaN "
            "or infinite numbers" + (row if data is values else "")
        )
    return values.astype(np.float32)


def _label_array(path: Path, values: Any) -> np.ndarray:
    if not isinstance(values, np.ndarray):
        values = values.toarray()
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim == 2 and values.dtype.kind in "biuf":
        # One-hot; rows of zeros are unknown.
        sums = values.sum(axis=1)
        if np.isin(values, (0, 1)).all() and (sums <= 1).all():
            return np.where(sums == 1, values.argmax(axis=1), np.nan)
    if values.ndim != 1 or values.dtype.kind not in "biufUS":
        raise ValueError(
            f"Expected a label a node, (nodes,), or one-hot, in {path}. "
            f"Received: {values.dtype} of shape {values.shape}"
        )
    return values.astype(str if values.dtype.kind in "US" else np.float64)


def number_labels(
    found: np.ndarray, nodes: int, where: object
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Numbers labels.

    Args:
        found: As from `NodeFile.labels`, one a node.
        nodes: How many nodes there are.
        where: The file, for messages.

    Returns:
        int64 labels, -1 where unknown, and names of the classes. Whole numbers below
        the number of nodes stay what they are; others, and text, are numbered in
        their order.

    Raises:
        ValueError: If numbers are not whole, or below -1.

    Example:
    >>> number_labels(np.array(["dog", "", "cat"]), 3, "labels.csv")
    (array([ 1, -1,  0]), ('cat', 'dog'))
    """
    if found.dtype.kind == "f":
        known = np.isfinite(found) & (found != -1)
        wrong = known & ((found != np.floor(found)) | (found < 0))
        if wrong.any():
            row = int(np.argmax(wrong))
            raise ValueError(
                f"Expected whole numbers from 0 (-1 where unknown), or names, in "
                f"{where}. Received: {found[row]:g} in row {row}"
            )
        values = np.where(known, found, -1).astype(np.int64)
        if values.max(initial=-1) < nodes:
            return values, tuple(map(str, range(int(values.max(initial=-1)) + 1)))
    else:
        values, known = found, ~np.isin(found, ("", "-1", "nan"))
    names, numbers = np.unique(values[known], return_inverse=True)
    labels = np.full(len(found), -1, np.int64)
    labels[known] = numbers
    return labels, tuple(map(str, names.tolist()))
