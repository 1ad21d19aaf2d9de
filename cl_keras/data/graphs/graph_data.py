# SPDX-License-Identifier: Apache-2.0
"""What every graph source returns."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from cl_keras.labels import as_labels


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class GraphData:
    """A graph, or a set of graphs side by side, in memory.

    The edges are put in order when the value is made: self loops are dropped (the
    encoders give each node its own term), edges that are listed more than once are
    merged, and the rest is sorted by target. Both are counted. Nodes without edges
    are fine, and so is a graph without any edge.

    Args:
        name: Where the graph comes from, such as `"planetoid:cora"`.
        features: `(nodes, F)` float32, as an array or a SciPy CSR matrix.
        edges: `(edges, 2)` integers, rows `(source, target)`: messages go from the
            source to the target. An undirected edge is two rows; `both_directions`
            adds the second.
        labels: One a node, as in `ImageData`, -1 where unknown; or None. Kept as
            `(nodes,)` int64.
        class_names: Name of each class of `labels` or `graph_labels`; or None.
        splits: Node numbers by the name of the part (`"train"`, `"validation"`,
            `"test"`), no node in two; or None.
        graph_ids: `(nodes,)` int64, the graph that each node belongs to, counted
            from 0 and in ascending order; None if all is one graph.
        graph_labels: One a graph, likewise; or None.
        self_loops: Self loops that were dropped already; those found are added.
        duplicate_edges: Likewise, edges that were merged already.
        node_ids: `(nodes,)` names of the nodes; None if they are their row numbers.
        notes: What was decided when files were read.
        skipped: Files that were not used, each with the reason.

    Raises:
        ValueError: If shapes do not agree, an edge names a node that is not there
            or joins two graphs, features are not finite, or there is no node.
        TypeError: If features are not float32, or numbers not integers.

    Example:
    >>> path = np.array([[0, 1], [1, 0], [1, 1], [1, 2], [1, 2]])
    >>> graph = GraphData("path", np.eye(3, dtype="float32"), path)
    >>> graph.edges.tolist(), graph.self_loops, graph.duplicate_edges
    ([[1, 0], [0, 1], [1, 2]], 1, 1)
    """

    name: str
    features: Any
    edges: np.ndarray
    labels: np.ndarray | None = None
    class_names: tuple[str, ...] | None = None
    splits: Mapping[str, np.ndarray] | None = None
    graph_ids: np.ndarray | None = None
    graph_labels: np.ndarray | None = None
    self_loops: int = 0
    duplicate_edges: int = 0
    node_ids: tuple[str, ...] | None = None
    notes: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self._check_features()
        edges = checked_edges(self.edges, self.nodes)
        self._check_graphs(edges)
        self._take_labels("labels", self.nodes, "a node")
        self._take_labels("graph_labels", self.graphs, "a graph")
        self._check_splits()
        if self.node_ids is not None and len(self.node_ids) != self.nodes:
            raise ValueError(
                f"Expected one of `node_ids` a node, {self.nodes} of them. "
                f"Received: {len(self.node_ids)}"
            )
        edges, loops, duplicates = _in_order(edges, self.nodes)
        # The only assignments after construction: the dataclass is frozen.
        object.__setattr__(self, "edges", edges)
        object.__setattr__(self, "self_loops", self.self_loops + loops)
        object.__setattr__(self, "duplicate_edges", self.duplicate_edges + duplicates)

    def __repr__(self) -> str:
        """Says what it is in a line, and prints no numbers."""
        labels = self.labels if self.graph_ids is None else self.graph_labels
        return (
            f"GraphData({self.name!r}, graphs: {self.graphs:,}, nodes: {self.nodes:,}, "
            f"edges: {len(self.edges):,}, features: {self.shape[0]:,}, "
            f"labels: {'no' if labels is None else 'yes'})"
        )

    @property
    def nodes(self) -> int:
        """Number of nodes, of all graphs together."""
        return int(self.features.shape[0])

    @property
    def graphs(self) -> int:
        """Number of graphs."""
        return 1 if self.graph_ids is None else int(self.graph_ids[-1]) + 1

    @property
    def shape(self) -> tuple[int]:
        """Shape of one node's features, `(F,)`: the encoders' `input_shape`."""
        return (int(self.features.shape[1]),)

    @property
    def is_sparse(self) -> bool:
        """Whether the features are a SciPy CSR matrix."""
        return not isinstance(self.features, np.ndarray)

    @property
    def ids(self) -> np.ndarray:
        """`(nodes,)` int64, the graph of each node: zeros if all is one graph."""
        if self.graph_ids is None:
            return np.zeros(self.nodes, np.int64)
        return self.graph_ids

    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """Returns where each graph's nodes and edges begin.

        Returns:
            Two arrays `(graphs + 1,)`, of nodes and of edges: those of graph g are
            numbers `bounds[g]` to `bounds[g + 1]`.
        """
        ids, numbers = self.ids, np.arange(self.graphs + 1)
        # Edges are sorted by target, and so by graph.
        of_edges = ids[self.edges[:, 1]]
        return np.searchsorted(ids, numbers), np.searchsorted(of_edges, numbers)

    def dense_features(self, nodes: slice = slice(None)) -> np.ndarray:
        """Returns features as an array.

        Args:
            nodes: Which nodes; all by default.

        Returns:
            `(n, F)` float32.
        """
        rows = self.features[nodes]
        return rows.toarray() if self.is_sparse else rows

    def _check_features(self) -> None:
        features = self.features
        if not isinstance(features, np.ndarray) and not (
            getattr(features, "format", None) == "csr"
        ):
            raise TypeError(
                "Expected features as an array or a SciPy CSR matrix. "
                f"Received: {type(features).__name__}"
            )
        if features.dtype != np.float32:
            raise TypeError(
                f"Expected float32 features. Received dtype: {features.dtype}"
            )
        if len(features.shape) != 2 or 0 in features.shape:
            raise ValueError(
                f"Expected features of at least one node in {self.name}, as (nodes, "
                f"F). Received shape: {features.shape}"
            )
        values = features.data if self.is_sparse else features
        if not np.isfinite(values).all():
            raise ValueError(
                f"Expected finite features in {self.name}. Received: NaN or infinity"
            )

    def _check_graphs(self, edges: np.ndarray) -> None:
        ids = self.graph_ids
        if ids is None:
            return
        if ids.dtype != np.int64 or ids.shape != (self.nodes,):
            raise ValueError(
                f"Expected int64 graph ids, one a node, shape ({self.nodes},). "
                f"Received: {ids.dtype} of shape {ids.shape}"
            )
        steps = np.diff(ids, prepend=0)
        if ids[0] != 0 or not np.isin(steps, (0, 1)).all():
            raise ValueError(
                "Expected graph ids in ascending order from 0, each graph with at "
                f"least one node. Received: graph_ids={ids}"
            )
        between = ids[edges[:, 0]] != ids[edges[:, 1]]
        if between.any():
            raise ValueError(
                "Expected edges within a graph. Received: edge "
                f"{edges[np.argmax(between)].tolist()} between two graphs"
            )

    def _take_labels(self, what: str, count: int, unit: str) -> None:
        labels = getattr(self, what)
        if labels is None:
            return
        labels, names = as_labels(
            labels, count, unit, names=self.class_names, what=f"`{what}`"
        )
        object.__setattr__(self, what, labels)
        object.__setattr__(self, "class_names", names)
        classes = 2**63 if self.class_names is None else len(self.class_names)
        if labels.min() < -1 or labels.max() >= classes:
            raise ValueError(
                f"Expected `{what}` of {self.name} from -1 (unknown) to below "
                f"{classes} classes. Received: {labels.min()}..{labels.max()}"
            )

    def _check_splits(self) -> None:
        taken = np.zeros(self.nodes, bool)
        for name, part in (self.splits or {}).items():
            if part.dtype.kind not in "iu" or part.ndim != 1 or not len(part):
                raise TypeError(
                    f"Expected split {name!r} as an array of node numbers. "
                    f"Received: {part.dtype} of shape {part.shape}"
                )
            if part.min() < 0 or part.max() >= self.nodes:
                raise ValueError(
                    f"Expected split {name!r} to name nodes 0..{self.nodes - 1}. "
                    f"Received: {part.min()}..{part.max()}"
                )
            if taken[part].any() or len(np.unique(part)) != len(part):
                raise ValueError(
                    "Expected each node in one split at most, once. Received: "
                    f"a node of {name!r} that is named twice"
                )
            taken[part] = True


def checked_edges(edges: np.ndarray, nodes: int) -> np.ndarray:
    """Checks edges against the number of nodes."""
    if edges.ndim != 2 or edges.shape[1] != 2:
        raise ValueError(
            "Expected edges as (edges, 2), rows (source, target). "
            f"Received shape: {edges.shape}"
        )
    if edges.dtype.kind not in "iu":
        raise TypeError(
            f"Expected edges as integers. Received dtype: {edges.dtype.name}"
        )
    outside = ((edges < 0) | (edges >= nodes)).any(axis=1)
    if outside.any():
        raise ValueError(
            f"Expected edges between nodes 0..{nodes - 1}. Received: "
            f"{int(outside.sum())} others, such as {edges[np.argmax(outside)].tolist()}"
        )
    return edges.astype(np.int64)


def both_directions(edges: np.ndarray, nodes: int) -> tuple[np.ndarray, int, int]:
    """Turns listed edges into an undirected graph."""
    edges, loops, duplicates = _in_order(checked_edges(edges, nodes), nodes)
    edges, _, _ = _in_order(np.concatenate([edges, edges[:, ::-1]]), nodes)
    return edges, loops, duplicates


def _in_order(edges: np.ndarray, nodes: int) -> tuple[np.ndarray, int, int]:
    """Distinct edges, no loops, by target and source; and how many went."""
    loop = edges[:, 0] == edges[:, 1]
    kept = edges[~loop]
    keys = np.unique(kept[:, 1] * nodes + kept[:, 0])
    merged = np.stack([keys % nodes, keys // nodes], axis=1)
    return merged, int(loop.sum()), len(kept) - len(merged)
