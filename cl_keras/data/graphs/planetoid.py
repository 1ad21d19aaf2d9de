# SPDX-License-Identifier: Apache-2.0
"""The citation graphs Cora, Citeseer and Pubmed with their public split."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from cl_keras import extras
from cl_keras.data.graphs.graph_data import GraphData, both_directions
from cl_keras.data.graphs.safe_pickle import load_pickle

_PARTS = ("x", "y", "tx", "ty", "allx", "ally", "graph")
_VALIDATION = 500


def load_planetoid(
    folder: str | os.PathLike[str], name: str, *, normalize: bool = True
) -> GraphData:
    """Loads a citation graph from its eight `ind.NAME.*` files.

    The public split: 20 nodes of each class to train on, the 500 after them for
    validation, and the 1,000 of `test.index`. Some nodes of Citeseer, numbered among
    the test nodes, have edges but neither features nor label: they get zero
    features and label -1, and are in no part of the split. The pickled files are
    read by `safe_pickle`, which executes nothing.

    Args:
        folder: Where the files are.
        name: `"cora"`, `"citeseer"` or `"pubmed"`, any case.
        normalize: Whether to divide each node's features by their sum, as the
            papers do. Rows of zeros stay as they are.

    Returns:
        The graph, with sparse features and undirected edges.

    Raises:
        ValueError: If a file is missing, holds anything but arrays, matrices and
            dicts, or they do not fit together.
        ImportError: If SciPy is not installed, with the pip line.

    Reference:
        Yang, Cohen and Salakhutdinov (2016), Revisiting Semi-Supervised Learning
        with Graph Embeddings, arXiv:1603.08861.
    """
    sparse = extras.require("scipy.sparse", extra="tables")
    name, folder = name.lower(), Path(folder)
    missing = [
        f"ind.{name}.{part}"
        for part in (*_PARTS, "test.index")
        if not (folder / f"ind.{name}.{part}").is_file()
    ]
    if missing:
        found = sorted(p.name.split(".")[1] for p in folder.glob("ind.*.graph"))
        raise ValueError(
            f"Found no {', '.join(missing)} in {folder}. "
            f"Graphs there: {', '.join(found) or 'none'}. The files are those of "
            "https://github.com/kimiyoung/planetoid (folder `data`)."
        )
    content = {part: load_pickle(folder / f"ind.{name}.{part}") for part in _PARTS}
    test = _test_index(folder / f"ind.{name}.test.index")
    _check(name, content, test)

    # Rows of `tx` belong to the nodes of `test`, in that order. Nodes in between
    # that `test` does not name exist in the graph and nowhere else.
    first = content["allx"].shape[0]
    nodes = max(int(test.max()) + 1, first)
    one_hot = np.zeros((nodes, content["y"].shape[1]), np.int64)
    one_hot[:first] = content["ally"]
    one_hot[test] = content["ty"]
    labels = np.where(one_hot.any(axis=1), one_hot.argmax(axis=1), -1)
    rest = content["tx"].tocoo()
    rest = sparse.csr_matrix(
        (rest.data, (test[rest.row] - first, rest.col)),
        shape=(nodes - first, rest.shape[1]),
    )
    features = sparse.vstack([content["allx"], rest], format="csr", dtype=np.float32)
    if normalize:
        features = normalized_rows(features)
    edges, loops, duplicates = both_directions(_edges(content["graph"]), nodes)
    train = content["y"].shape[0]
    return GraphData(
        f"planetoid:{name}",
        features,
        edges,
        labels=labels.astype(np.int64),
        splits={
            "train": np.arange(train),
            "validation": np.arange(train, train + _VALIDATION),
            "test": np.sort(test),
        },
        self_loops=loops,
        duplicate_edges=duplicates,
    )


def normalized_rows(features: Any) -> Any:
    """Divides each row of a CSR matrix by its sum; rows of sum 0 stay."""
    total = np.asarray(features.sum(axis=1), np.float64).ravel()
    scale = np.divide(1.0, total, out=np.ones_like(total), where=total != 0)
    result = features.astype(np.float32)
    result.data = features.data * np.repeat(scale, np.diff(features.indptr))
    result.data = result.data.astype(np.float32)
    return result


def _test_index(path: Path) -> np.ndarray:
    try:
        index = np.array([int(line) for line in path.read_text().split()], np.int64)
    except (OSError, OverflowError, ValueError) as error:
        raise ValueError(f"Expected {path} to hold one node a line: {error}") from error
    if not len(index) or index.min() < 0 or len(np.unique(index)) != len(index):
        raise ValueError(f"Expected {path} to hold nodes from 0, each once.")
    return index


def _edges(graph: dict[int, list[int]]) -> np.ndarray:
    rows = [(node, other) for node, others in graph.items() for other in others]
    return np.array(rows, np.int64).reshape(-1, 2)


def _is_graph(graph: dict[Any, Any]) -> bool:
    return all(
        isinstance(others, list) and all(type(n) is int for n in (node, *others))
        for node, others in graph.items()
    )


def _check(name: str, content: dict[str, Any], test: np.ndarray) -> None:
    def fail(problem: str) -> ValueError:
        return ValueError(f"The files of {name!r} do not fit together: {problem}.")

    for part, value in content.items():
        wanted = dict if part == "graph" else None
        if wanted and not isinstance(value, wanted):
            raise fail(f"`graph` is a {type(value).__name__}, not a dict")
        if not wanted and len(getattr(value, "shape", ())) != 2:
            raise fail(f"`{part}` has no rows and columns")
        if part in ("x", "tx", "allx") and getattr(value, "format", "") != "csr":
            raise fail(f"`{part}` is not a CSR matrix")
    if not _is_graph(content["graph"]):
        raise fail("`graph` is not of nodes with lists of nodes")
    edges = _edges(content["graph"])
    nodes = max(int(test.max()) + 1, content["allx"].shape[0])
    if len(edges) and not 0 <= edges.min() <= edges.max() < nodes:
        raise fail(f"`graph` names nodes {edges.min()}..{edges.max()}, of {nodes}")
    for features, labels in (("x", "y"), ("tx", "ty"), ("allx", "ally")):
        if content[features].shape[0] != content[labels].shape[0]:
            raise fail(f"`{features}` and `{labels}` have different numbers of rows")
        if content[features].shape[1] != content["x"].shape[1]:
            raise fail(f"`{features}` has another number of features than `x`")
        if content[labels].shape[1] != content["y"].shape[1]:
            raise fail(f"`{labels}` has another number of classes than `y`")
    first = content["allx"].shape[0]
    if len(test) != content["tx"].shape[0]:
        raise fail(f"{len(test)} test nodes, {content['tx'].shape[0]} rows in `tx`")
    if test.min() < first:
        raise fail(f"test node {test.min()} is among the {first} of `allx`")
    # Citeseer has 15 nodes that no file describes.
    if test.max() >= 2 * (first + len(test)):
        raise fail(f"test node {test.max()} is far beyond the {first} of `allx`")
    if content["y"].shape[0] + _VALIDATION > first:
        raise fail(f"`allx` has too few rows, {first}, for the public split")
