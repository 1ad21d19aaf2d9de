# SPDX-License-Identifier: Apache-2.0
"""Graphs as tables: one edge a line, with features and labels beside them."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import numpy as np

from cl_keras import extras
from cl_keras.data.graphs.graph_data import GraphData, both_directions

_TABLES = (".csv", ".tsv", ".txt")


def load_edge_list(
    path: str | os.PathLike[str], *, directed: bool = False
) -> GraphData:
    r"""Loads a graph from a table of edges.

    Each line is `source target`, two node numbers from 0, separated by comma,
    semicolon, tab or spaces. A first line of column names and lines that begin with
    `#` or `%` are skipped.

    Args:
        path: The table; or a folder with `edges.csv` (or `.tsv`, `.txt`) and, where
            there are any, `features.npy` or `features.csv` (a row of numbers a node)
            and `labels.csv` (a whole number or a name a line, in the order of the
            nodes; an empty line or -1 where unknown).
        directed: Whether edges go one way only.

    Returns:
        The graph. Without features each node gets one of its own (a sparse identity
        matrix), as is usual for graphs of nothing but edges.

    Raises:
        ValueError: If a file is missing or not of this form; the line is named.
        ImportError: If there are no features and SciPy is not installed.

    Example:
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "path.csv"
    >>> _ = path.write_text("source,target\n0,1\n1,2\n")
    >>> load_edge_list(path).edges.tolist()
    [[1, 0], [0, 1], [2, 1], [1, 2]]
    """
    path = Path(path)
    features = labels = names = None
    table = path
    if path.is_dir():
        found = _find(path, "edges", _TABLES)
        if found is None:
            raise ValueError(f"Found no edges.csv, edges.tsv or edges.txt in {path}.")
        table = found
        feature_file = _find(path, "features", (".npy", *_TABLES))
        label_file = _find(path, "labels", _TABLES)
        features = None if feature_file is None else _features(feature_file)
        if label_file is not None:
            labels, names = _labels(label_file)
    edges = _edges(table)
    nodes = len(labels) if labels is not None else int(edges.max(initial=-1)) + 1
    if features is None:
        if not nodes:
            raise ValueError(f"Expected at least one edge in {table}. Received: none")
        features = _identity(nodes)
    nodes = features.shape[0]
    loops = duplicates = 0
    if not directed:
        edges, loops, duplicates = both_directions(edges, nodes)
    return GraphData(
        f"edges:{path}",
        features,
        edges,
        labels=labels,
        class_names=names,
        self_loops=loops,
        duplicate_edges=duplicates,
    )


def _find(folder: Path, stem: str, suffixes: tuple[str, ...]) -> Path | None:
    candidates = (folder / (stem + suffix) for suffix in suffixes)
    return next((path for path in candidates if path.is_file()), None)


def _lines(path: Path) -> list[tuple[int, str]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"Cannot read {path}: {error}") from error
    numbered = ((n, line.strip()) for n, line in enumerate(text.splitlines(), 1))
    return [(n, line) for n, line in numbered if line[:1] not in ("#", "%")]


def _rows(path: Path, what: str, number: type) -> list[list[Any]]:
    """Numbers of a table; a first line that is none holds column names."""
    rows = []
    filled = [(n, line) for n, line in _lines(path) if line]
    for position, (n, line) in enumerate(filled):
        words = [word for word in re.split(r"\s*[,;\t]\s*|\s+", line) if word]
        try:
            rows.append([number(word) for word in words])
        except ValueError:
            if position == 0 and not any(_is_number(word) for word in words):
                continue
            raise ValueError(
                f"Expected {what} in line {n} of {path}. Received: {line[:60]!r}"
            ) from None
        if len(rows[-1]) != len(rows[0]):
            raise ValueError(
                f"Expected {len(rows[0])} columns in line {n} of {path}, as before. "
                f"Received: {len(rows[-1])}"
            )
    return rows


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _edges(path: Path) -> np.ndarray:
    rows = _rows(path, "two node numbers (edges have no weights here)", int)
    if rows and len(rows[0]) != 2:
        raise ValueError(
            f"Expected two columns, source and target, in {path}: edges have no "
            f"weights here. Received: {len(rows[0])} columns"
        )
    return np.array(rows, np.int64).reshape(-1, 2)


def _features(path: Path) -> np.ndarray:
    if path.suffix == ".npy":
        try:
            values = np.load(path, allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise ValueError(f"Cannot read {path}: {error}") from error
        if values.dtype.kind not in "biuf":
            raise ValueError(
                f"Expected numbers in {path}. Received dtype: {values.dtype}"
            )
    else:
        values = np.array(_rows(path, "numbers", float))
    return values.astype(np.float32)


def _labels(path: Path) -> tuple[np.ndarray, tuple[str, ...] | None]:
    words = [line for _, line in _lines(path)]
    if words and words[0].lower() in ("label", "labels", "class", "y"):
        words = words[1:]
    try:
        return np.array([int(word or -1) for word in words], np.int64), None
    except ValueError:
        names = sorted({word for word in words if word not in ("", "-1")})
        index = {name: number for number, name in enumerate(names)}
        labels = np.array([index.get(word, -1) for word in words], np.int64)
        return labels, tuple(names)


def _identity(nodes: int) -> Any:
    sparse = extras.require("scipy.sparse", extra="eval")
    return sparse.identity(nodes, dtype=np.float32, format="csr")
