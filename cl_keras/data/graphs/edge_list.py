# SPDX-License-Identifier: Apache-2.0
"""Graphs as tables: one edge a line, with features and labels beside them."""

from __future__ import annotations

import os
import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from cl_keras import extras
from cl_keras.data.graphs.delimited import text_lines
from cl_keras.data.graphs.graph_data import GraphData, both_directions
from cl_keras.data.graphs.node_arrays import ARRAYS, number_labels
from cl_keras.data.graphs.node_files import PARTS, NodeFile, read_ids
from cl_keras.data.graphs.tables import TextTable

_TABLES = (".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz", ".txt.gz")
_ENDS = "source target src dst from to fromnodeid tonodeid sender receiver".split()
_NO_DATA = re.compile(rb"\s*\{\s*\}\s*$")
_NUMBER = re.compile(r"[-+]?\d+")


def load_edge_list(
    path: str | os.PathLike[str], *, directed: bool = False
) -> GraphData:
    r"""Loads a graph from a table of edges.

    Each line is `source target`, separated by comma, semicolon, tab or spaces; lines
    that begin with `#` or `%` are skipped, and `{}` at the end, which NetworkX writes.
    Nodes are named by numbers or by names; `node_ids` of the graph keeps them. A file
    may begin with the names of its columns: `graph.notes` says what was decided.

    Args:
        path: The table; or a folder with `edges.csv` (or `.tsv`, `.txt`; also `.gz`)
            and, where there are any, `features` and `labels`: such tables, `.npy` or
            `.npz`, with a row a node. Tables may have a column of ids (`id`, `node`).
            Without it rows are nodes 0, 1, 2, ...; a label is a whole number or a
            name, a blank or -1 where unknown. A column `part` of the labels says
            `train`, `validation` or `test`: these become `splits`.
        directed: Whether edges go one way only.

    Returns:
        The graph. Without features each node gets one of its own (a sparse identity
        matrix), as is usual for graphs of nothing but edges.

    Raises:
        ValueError: If a file is missing or not of this form; the line is named.
        ImportError: If pyarrow is not installed, or SciPy where it is needed.

    Warns:
        UserWarning: Of files in the folder that are not used, and of a first line of
            numbers that is taken as names.

    Example:
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "path.csv"
    >>> _ = path.write_text("source,target\n0,1\n1,2\n")
    >>> load_edge_list(path).edges.tolist()
    [[1, 0], [0, 1], [2, 1], [1, 2]]
    """
    path = Path(path)
    table_file, feature_file, label_file, unused = _files(path)
    note, ends = _read_edges(table_file)
    features = NodeFile(feature_file, is_labels=False) if feature_file else None
    labels = NodeFile(label_file, is_labels=True) if label_file else None
    least = int(ends.max(initial=-1)) + 1 if ends.dtype.kind == "i" else None
    for one, other in ((features, labels), (labels, features)):
        if one:
            one.decide(other.rows if other else None, least)
    values = features.features() if features else None
    given = labels.labels() if labels else None
    ids = _node_ids(table_file, ends, features, labels, values, given)
    if not len(ids):
        raise ValueError(f"Expected at least one edge in {table_file}. Received: none")
    edges = _rows_of(ends.ravel(), ids, table_file).reshape(-1, 2)
    if values is None:
        values = _identity(len(ids))
    numbers = classes = splits = None
    if labels and given is not None:
        numbers, classes = number_labels(
            _of_nodes(labels, given, ids), len(ids), labels.path
        )
        if labels.parts is not None:
            parts = _of_nodes(labels, labels.parts, ids)
            present = [name for name in PARTS if name in parts]
            splits = {name: np.flatnonzero(parts == name) for name in present}
    loops = duplicates = 0
    if not directed:
        edges, loops, duplicates = both_directions(edges, len(ids))
    notes = [file.note for file in (features, labels) if file and file.note]
    if note is not None:
        notes.insert(0, note)
    _warn(path, notes, unused)
    consecutive = np.array_equal(ids, np.arange(len(ids)))
    return GraphData(
        f"edges:{path}",
        values,
        edges,
        labels=numbers,
        class_names=classes,
        splits=splits,
        self_loops=loops,
        duplicate_edges=duplicates,
        node_ids=None if consecutive else tuple(map(str, ids.tolist())),
        notes=tuple(notes),
        skipped=tuple(f"{file} (not a part of the graph)" for file in unused),
    )


def _files(folder: Path) -> tuple[Path, Path | None, Path | None, tuple[str, ...]]:
    """Edges, features and labels of a folder, and what else lies in it."""
    if not folder.is_dir():
        return folder, None, None, ()

    def find(stem: str, suffixes: tuple[str, ...]) -> Path | None:
        candidates = (folder / (stem + suffix) for suffix in suffixes)
        return next((path for path in candidates if path.is_file()), None)

    edges = find("edges", _TABLES)
    if edges is None:
        raise ValueError(f"Found no edges.csv, edges.tsv or edges.txt in {folder}.")
    features, labels = (find(s, (*ARRAYS, *_TABLES)) for s in ("features", "labels"))
    if features is None and (other := find("nodes", (*ARRAYS, *_TABLES))):
        raise ValueError(
            "Expected the features of nodes in features.csv and their labels in "
            f"labels.csv (.tsv, .txt, .npy, .npz). Received: {other}"
        )
    used = {edges, features, labels}
    others = sorted(p for p in folder.iterdir() if p not in used and p.name[0] != ".")
    return edges, features, labels, tuple(map(str, others))


def _read_edges(path: Path) -> tuple[str | None, np.ndarray]:
    """What the first line was taken for, if for names; and `(edges, 2)` ids."""
    table = TextTable(path, [_NO_DATA.sub(b"", line) for line in text_lines(path)])
    if not table.lines:
        return None, np.zeros((0, 2), np.int64)
    names = table.begins_with_names(_ENDS)
    if names is None:
        # Numbers are an edge. A name of a node comes again, a name of a column not.
        names = not all(_NUMBER.fullmatch(cell) for cell in table.first)
        if names:
            columns = table.read(False)
            cells = np.concatenate([c.values[1:].astype(str) for c in columns])
            names = not np.isin(table.first, cells).any()
    columns = table.read(names)
    if len(columns) != 2:
        raise ValueError(
            f"Expected two columns, source and target, in {path}: edges have no "
            f"weights here. Received: {len(columns)} columns"
        )
    one, two = (read_ids(table, names, place) for place in (0, 1))
    if one.dtype.kind != two.dtype.kind:
        one, two = one.astype(str), two.astype(str)
    ends = np.stack([one, two], axis=1)
    if ends.dtype.kind == "i" and (wrong := (ends < 0).any(axis=1)).any():
        row = int(np.argmax(wrong))
        raise table.refused(row, names, "node numbers from 0")
    note = f"{path.name}: the first line is taken as names of columns"
    return (note if names else None), ends


def _node_ids(
    table: Path,
    ends: np.ndarray,
    features: NodeFile | None,
    labels: NodeFile | None,
    values: Any,
    given: np.ndarray | None,
) -> np.ndarray:
    """The id of each node, in the order of the rows."""
    for file in (features, labels):
        if file and file.ids is not None:
            if file is features:
                return file.ids
            # Nodes without a label need not be listed.
            known = [ends.ravel(), file.ids]
            if values is None:
                if known[0].dtype.kind != known[1].dtype.kind:
                    known = [part.astype(str) for part in known]
                return np.unique(np.concatenate(known))
    listed = features or labels
    if listed is None:
        ids = np.unique(ends)
        _check_mixed(table, ids)
        return ids
    rows = len(given) if values is None and given is not None else values.shape[0]
    if ends.dtype.kind != "i":
        raise ValueError(
            f"Expected a column of ids, named 'id', in {listed.path}: the edges of "
            f"{table} name nodes by text. Received: rows without ids"
        )
    outside = ends >= rows
    if outside.any():
        raise ValueError(
            f"Expected edges between nodes 0..{rows - 1}, the rows of {listed.path}; "
            "other numbers need a column of ids there. Received: node "
            f"{int(ends[outside][0])} in {table}"
        )
    return np.arange(rows)


def _check_mixed(table: Path, ids: np.ndarray) -> None:
    """Refuses a word among numbers, which is a mistake more often than a name."""
    if ids.dtype.kind == "i" or not len(ids):
        return
    is_number = np.array([bool(_NUMBER.fullmatch(text)) for text in ids])
    if 0 < (~is_number).sum() < is_number.sum():
        word = str(ids[~is_number][0])
        lines = enumerate(text_lines(table), 1)
        line = next((n for n, text in lines if word.encode() in text), 0)
        raise ValueError(
            f"Expected numbers or names as ids in {table}, not both; files with a "
            f"column of ids may have both. Received: {word!r} in line {line}, and "
            f"{int(is_number.sum())} numbers"
        )


def _rows_of(wanted: np.ndarray, ids: np.ndarray, file: Path) -> np.ndarray:
    """Rows of the nodes that have these ids."""
    if wanted.dtype.kind != ids.dtype.kind:
        wanted, ids = wanted.astype(str), ids.astype(str)
    order = np.argsort(ids, kind="stable")
    places = np.searchsorted(ids, wanted, sorter=order).clip(max=len(ids) - 1)
    rows = order[places] if len(wanted) else np.zeros(0, np.int64)
    missing = ids[rows] != wanted
    if missing.any():
        raise ValueError(
            f"Expected nodes of {file} among the {len(ids)} ids of the features. "
            f"Received: {int(missing.sum())} others, such as "
            f"{wanted[np.argmax(missing)]!s}"
        )
    return rows.astype(np.int64)


def _of_nodes(file: NodeFile, given: np.ndarray, ids: np.ndarray) -> np.ndarray:
    """One value a node, NaN or an empty text where the file has none."""
    if file.ids is None:
        if len(given) != len(ids):
            raise ValueError(
                f"Expected one label a node, {len(ids)} of them, in {file.path}. "
                f"Received: {len(given)}"
            )
    else:
        rows = _rows_of(file.ids, ids, file.path)
        unknown: Any = np.nan if given.dtype.kind == "f" else ""
        spread = np.full(len(ids), unknown, given.dtype)
        spread[rows] = given
        given = spread
    return given


def _warn(path: Path, notes: list[str], unused: tuple[str, ...]) -> None:
    for note in notes:
        if re.search(r"line, '[\d\s,;.\t]+', is taken as the names", note):
            warnings.warn(f"In {path}, {note}.", stacklevel=3)
    if unused:
        shown = ", ".join(os.path.basename(file) for file in unused[:5])
        warnings.warn(
            f"{len(unused)} files of {path} are not used: {shown}"
            + (" ..." if len(unused) > 5 else ""),
            stacklevel=3,
        )


def _identity(nodes: int) -> Any:
    sparse = extras.require("scipy.sparse", extra="tables")
    return sparse.identity(nodes, dtype=np.float32, format="csr")
