# SPDX-License-Identifier: Apache-2.0
"""The figures of a run on graphs."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from cl_keras.data.graphs.graph_data import GraphData
from cl_keras.evaluate.figure_style import class_name
from cl_keras.evaluate.graph_layout import neighbourhood
from cl_keras.runs.figures import BANK, PAIRS, Figures, some

# Neighbourhoods that are drawn.
_SHOWN = 6


def draw_graphs(
    run: Path,
    *,
    graph: GraphData,
    features: np.ndarray,
    untrained: np.ndarray,
    labels: np.ndarray | None,
    parts: tuple[np.ndarray, np.ndarray] | None,
    k: int = 200,
    seed: int = 0,
) -> None:
    """Writes the data of a run's figures into `run/figures`, for the report to draw.

    As `draw_plots` does for images, with the surroundings of some nodes in place of
    views. Examples are nodes, or the graphs of a set. Positive pairs are nodes that
    share an edge; graphs of a set have none.
    """
    is_set = graph.graph_ids is not None
    figures = Figures(run, "graph" if is_set else "node")
    figures.curves()
    rng = np.random.default_rng(seed)
    test = np.arange(len(features)) if parts is None else parts[1]
    chosen = test[some(rng, len(test))]
    own = None if labels is None else labels[chosen]
    _neighbourhoods(figures, graph, chosen, rng)

    sample = features[chosen]
    edges = graph.edges[some(rng, len(graph.edges), PAIRS)]
    if is_set or len(edges) < 2:
        figures.pairs(sample)
    else:
        kinds = ("nodes that share an edge", "other pairs of nodes")
        ends = features[edges[:, 0]], features[edges[:, 1]]
        figures.pairs(sample, ends, kinds)
    figures.features(chosen, sample, untrained[chosen], own, graph.class_names, seed)
    if labels is not None and own is not None and parts is not None:
        bank = parts[0][some(rng, len(parts[0]), BANK)]
        voters = features[bank], labels[bank]
        figures.classes(voters, sample, own, graph.class_names, k)


def _neighbourhoods(
    figures: Figures, graph: GraphData, chosen: np.ndarray, rng: np.random.Generator
) -> None:
    """Writes `neighbourhood_nodes` and `neighbourhood_edges`."""
    degrees = np.bincount(graph.edges.ravel(), minlength=graph.nodes)
    ids, labels = graph.graph_ids, graph.labels
    if ids is None:
        # A node without edges has no surroundings to show.
        linked = chosen[degrees[chosen] > 0]
        centres = (linked if len(linked) else chosen)[some(rng, len(linked), _SHOWN)]
        hops = 2
    else:
        # Of a graph of a set, all that its best-linked node reaches.
        graphs = chosen[some(rng, len(chosen), _SHOWN)]
        members = [np.flatnonzero(ids == number) for number in graphs]
        centres = np.array([nodes[degrees[nodes].argmax()] for nodes in members])
        hops = 99
    nodes, edges = [], []
    for drawing, centre in enumerate(centres.tolist()):
        around = neighbourhood(graph.edges, centre, hops=hops)
        for row, node in enumerate(around.nodes.tolist()):
            if labels is not None:
                known, names = int(labels[node]), graph.class_names
            elif ids is not None and graph.graph_labels is not None:
                known, names = int(graph.graph_labels[ids[node]]), graph.class_names
            else:
                known, names = -1, None
            name = class_name(known, names) if known >= 0 else ""
            x, y = around.positions[row]
            hop = int(around.hops[row])
            nodes.append([drawing, node, name, hop, f"{x:.4f}", f"{y:.4f}"])
        ends = around.nodes[around.edges]
        edges += [[drawing, first, second] for first, second in ends.tolist()]
    header = ["drawing", "node", "class", "hops", "x", "y"]
    figures.table("neighbourhood_nodes", header, nodes)
    figures.table("neighbourhood_edges", ["drawing", "node", "other_node"], edges)
