# SPDX-License-Identifier: Apache-2.0
"""A part of a graph by itself."""

from __future__ import annotations

import numpy as np

from cl_keras.data.graphs.graph_data import GraphData
from cl_keras.data.graphs.subgraphs import chosen_nodes


def induced(graph: GraphData, nodes: np.ndarray) -> GraphData:
    """Takes some nodes of a graph, and the edges that join two of them."""
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
