# SPDX-License-Identifier: Apache-2.0
"""A part of a graph by itself."""

from __future__ import annotations

import numpy as np

from cl_keras.data.graphs.graph_data import GraphData
from cl_keras.data.graphs.subgraphs import chosen_nodes


def induced(graph: GraphData, nodes: np.ndarray) -> GraphData:
    """Takes some nodes of a graph, and the edges that join two of them.

    Args:
        graph: One graph.
        nodes: Their numbers.

    Returns:
        The part, its nodes in ascending order of their numbers, without splits.

    Raises:
        ValueError: If there is a set of graphs, or anything but numbers of nodes.

    Example:
    >>> path = GraphData("path", np.eye(3, dtype="float32"), np.array([[0, 1], [1, 2]]))
    >>> induced(path, np.array([1, 2])).edges.tolist()
    [[0, 1]]
    """
    kept = np.zeros(graph.nodes, bool)
    kept[chosen_nodes(graph, nodes)] = True
    number = np.cumsum(kept) - 1
    inside = kept[graph.edges].all(axis=1)
    return GraphData(
        graph.name,
        graph.features[kept],
        number[graph.edges[inside]],
        None if graph.labels is None else graph.labels[kept],
        graph.class_names,
    )
