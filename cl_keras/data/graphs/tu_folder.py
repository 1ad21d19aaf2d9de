# SPDX-License-Identifier: Apache-2.0
"""Sets of labelled graphs as the TU collection itself lays them out."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np

from cl_keras.data.graphs.graph_data import GraphData, both_directions

_EDGES = "_A.txt"


def tu_name(folder: Path) -> str | None:
    """Finds the name of the set in a folder."""
    found = [p.name.removesuffix(_EDGES) for p in folder.glob("*" + _EDGES)]
    return found[0] if len(found) == 1 else None


def load_tu_folder(folder: Path) -> GraphData:
    """Loads a set of graphs such as MUTAG from a folder of the TU collection.

    `NAME_A.txt` has an edge a line, nodes counted from 1; `NAME_graph_indicator.txt`
    the graph of each node, `NAME_graph_labels.txt` a label a graph. Features are
    `NAME_node_labels.txt`, one-hot by column, then `NAME_node_attributes.txt`; the
    number of neighbours, one-hot, where there is neither.

    Reference:
        Morris et al. (2020), TUDataset, arXiv:2007.08663.
    """
    name = tu_name(folder)
    if name is None:
        raise ValueError(f"Expected one file NAME_A.txt in {folder}.")
    indicator = _read(folder, name, "graph_indicator", int)[:, 0]
    if (np.diff(indicator, prepend=1) < 0).any():
        raise ValueError(
            f"Expected graphs in ascending order from 1 in {name}_graph_indicator.txt."
        )
    # Graphs without a node have a label and nothing that could be encoded.
    present, ids = np.unique(indicator, return_inverse=True)
    nodes = len(ids)
    listed = _read(folder, name, "A", int) - 1
    if listed.shape[1] != 2 or listed.min(initial=0) < 0 or listed.max() >= nodes:
        raise ValueError(
            f"Expected edges between nodes 1..{nodes} in {folder / (name + _EDGES)}. "
            f"Received: {listed.shape[1]} columns, nodes {listed.min() + 1}.."
            f"{listed.max() + 1}"
        )
    labels = _read(folder, name, "graph_labels", float)[:, 0]
    if present[0] < 1 or present[-1] > len(labels):
        raise ValueError(
            f"Expected graphs 1..{len(labels)} in {name}_graph_indicator.txt, as many "
            f"as there are labels. Received: {present[0]}..{present[-1]}"
        )
    classes, graph_labels = np.unique(labels[present - 1], return_inverse=True)
    edges, loops, duplicates = both_directions(listed, nodes)
    parts = []
    used = {"A", "graph_indicator", "graph_labels"}
    for part, one_hot in (("node_labels", True), ("node_attributes", False)):
        if (folder / f"{name}_{part}.txt").is_file():
            used.add(part)
            values = _read(folder, name, part, int if one_hot else float)
            if len(values) != nodes:
                raise ValueError(
                    f"Expected a line a node, {nodes} of them, in {name}_{part}.txt. "
                    f"Received: {len(values)}"
                )
            parts += [_one_hot(column) for column in values.T] if one_hot else [values]
    if not parts:
        parts = [_one_hot(np.bincount(edges[:, 1], minlength=nodes))]
    files = {f"{name}_{part}.txt" for part in used} | {"README.txt", "readme.txt"}
    unused = sorted(p.name for p in folder.iterdir() if p.name not in files)
    if unused:
        warnings.warn(
            f"Files of {folder} are not used: {', '.join(unused)}", stacklevel=2
        )
    return GraphData(
        f"tu:{name}",
        np.concatenate(parts, axis=1, dtype=np.float32, casting="unsafe"),
        edges,
        class_names=tuple(f"{label:g}" for label in classes),
        graph_ids=ids.astype(np.int64),
        graph_labels=graph_labels.astype(np.int64),
        self_loops=loops,
        duplicate_edges=duplicates,
        skipped=tuple(f"{folder / file} (not used)" for file in unused),
    )


def _read(folder: Path, name: str, part: str, dtype: type) -> np.ndarray:
    path = folder / f"{name}_{part}.txt"
    try:
        values: np.ndarray = np.loadtxt(path, dtype, delimiter=",", ndmin=2)
    except (OSError, ValueError) as error:
        raise ValueError(f"Cannot read {path}: {error}") from error
    if not len(values):
        raise ValueError(f"Expected at least one line in {path}. Received: none")
    return values


def _one_hot(values: np.ndarray) -> np.ndarray:
    present, index = np.unique(values, return_inverse=True)
    return np.eye(len(present), dtype=np.float32)[index]
