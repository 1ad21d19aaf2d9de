# SPDX-License-Identifier: Apache-2.0
"""Sets of small labelled graphs in the text form of the GIN paper."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from cl_keras.data.graphs.graph_data import GraphData, both_directions
from cl_keras.data.graphs.tu_folder import load_tu_folder


def load_tu(path: str | os.PathLike[str]) -> GraphData:
    r"""Loads a set of graphs such as MUTAG, PROTEINS, NCI1 or PTC.

    The first line of the file is the number of graphs. Each graph is a line
    `nodes label` and then, for each of its nodes, a line
    `tag degree neighbour... [attribute...]`.

    Args:
        path: The text file; or a folder with the files `NAME_A.txt`, ... of the TU
            collection (see `tu_folder`).

    Returns:
        The graphs, with `graph_ids` and `graph_labels`. Features are the node's tag,
        one-hot in ascending order of the tags, then its attributes if there are any.
        Edges are undirected, also where the file lists one direction only.

    Raises:
        ValueError: If the file is not of this form; the line is named.

    Example:
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "pair.txt"
    >>> _ = path.write_text("1\n2 1\n0 1 1\n5 1 0\n")
    >>> graphs = load_tu(path)
    >>> graphs.features.tolist(), graphs.class_names
    ([[1.0, 0.0], [0.0, 1.0]], ('1',))

    Reference:
        Xu et al. (2019), How Powerful are Graph Neural Networks?,
        arXiv:1810.00826.
    """
    path = Path(path)
    if path.is_dir():
        return load_tu_folder(path)
    try:
        lines = path.read_text().split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"Cannot read {path}: {error}") from error
    reader = _Reader(path, lines)
    labels, sizes = [], []
    tags: list[int] = []
    edges: list[tuple[int, int]] = []
    attributes: list[list[float]] = []
    (count,) = reader.integers("the number of graphs", 1)
    for _ in range(count):
        size, label = reader.integers("`nodes label`", 2)
        if size < 1:
            raise reader.error("a graph of at least one node")
        start = len(tags)
        labels.append(label)
        sizes.append(size)
        for node in range(size):
            tag, neighbours, extra = reader.node(size)
            tags.append(tag)
            attributes.append(extra)
            edges += [(start + node, start + other) for other in neighbours]
    reader.end()
    if len({len(extra) for extra in attributes}) > 1:
        raise ValueError(f"Expected as many attributes for each node in {path}.")
    values, index = np.unique(np.array(tags), return_inverse=True)
    features = np.eye(len(values), dtype=np.float32)[index]
    if attributes[0]:
        features = np.concatenate(
            [features, np.array(attributes, np.float32)], axis=1, dtype=np.float32
        )
    classes, graph_labels = np.unique(np.array(labels), return_inverse=True)
    listed = np.array(edges, np.int64).reshape(-1, 2)
    listed, loops, duplicates = both_directions(listed, len(tags))
    return GraphData(
        f"tu:{path.stem}",
        features,
        listed,
        class_names=tuple(map(str, classes.tolist())),
        graph_ids=np.repeat(np.arange(count), sizes).astype(np.int64),
        graph_labels=graph_labels.astype(np.int64),
        self_loops=loops,
        duplicate_edges=duplicates,
    )


class _Reader:
    """Lines one after the other, with the number of the line in every error."""

    def __init__(self, path: Path, lines: list[str]) -> None:
        self.path, self.lines, self.number = path, lines, 0

    def error(self, expected: str) -> ValueError:
        line = self.lines[self.number - 1] if self.number <= len(self.lines) else ""
        return ValueError(
            f"Expected {expected} in line {self.number} of {self.path}. "
            f"Received: {line[:60]!r}"
        )

    def next(self) -> list[str]:
        self.number += 1
        if self.number > len(self.lines):
            return []
        return self.lines[self.number - 1].split()

    def integers(self, expected: str, count: int) -> list[int]:
        try:
            values = [int(word) for word in self.next()]
        except ValueError:
            values = []
        if len(values) != count or values[0] < 1:
            raise self.error(expected)
        return values

    def node(self, size: int) -> tuple[int, list[int], list[float]]:
        words = self.next()
        try:
            tag, degree = int(words[0]), int(words[1])
            neighbours = [int(word) for word in words[2 : 2 + degree]]
            extra = [float(word) for word in words[2 + degree :]]
        except (IndexError, ValueError):
            raise self.error("`tag degree neighbour...` of a node") from None
        if degree < 0 or len(neighbours) != degree:
            raise self.error("as many neighbours as the node's degree")
        if any(not 0 <= other < size for other in neighbours):
            raise self.error(f"neighbours 0..{size - 1}")
        return tag, neighbours, extra

    def end(self) -> None:
        while self.number < len(self.lines):
            if self.next():
                raise self.error("the end after the last graph")
