# SPDX-License-Identifier: Apache-2.0
"""Places for the nodes around one node, to be looked at."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Neighbourhood(NamedTuple):
    """A node and what is around it.

    Attributes:
        nodes: Node numbers, `(n,)` int64, the centre first.
        hops: Steps from the centre to each, `(n,)` int64.
        positions: Coordinates in [-1, 1], `(n, 2)` float64, the centre at 0.
        edges: Pairs of places in `nodes` that are joined, each once, `(m, 2)` int64.
    """

    nodes: np.ndarray
    hops: np.ndarray
    positions: np.ndarray
    edges: np.ndarray


def neighbourhood(
    edges: np.ndarray, centre: int, *, hops: int = 2, limit: int = 60
) -> Neighbourhood:
    """The nodes within some steps of one node, in rings around it.

    Each ring holds the nodes one step further away; a node stands in the sector of
    the node it was reached from, so that few edges cross.
    """
    edges = np.asarray(edges)
    if edges.ndim != 2 or edges.shape[1] != 2 or centre < 0 or hops < 0 or limit < 1:
        raise ValueError(
            "Expected edges (edges, 2), a centre and hops of at least 0 and a limit "
            f"of at least 1. Received: shape={edges.shape}, centre={centre}, "
            f"hops={hops}, limit={limit}"
        )
    both = np.concatenate([edges, edges[:, ::-1]]).astype(np.int64)
    both = both[np.lexsort((both[:, 1], both[:, 0]))]
    parents = {centre: -1}
    rings = [[centre]]
    while len(rings) <= hops and rings[-1]:
        ring: list[int] = []
        for node in rings[-1]:
            low, high = np.searchsorted(both[:, 0], [node, node + 1])
            for other in both[low:high, 1].tolist():
                if other not in parents and len(parents) < limit:
                    parents[other] = node
                    ring.append(other)
        rings.append(ring)
    nodes = np.array(list(parents), np.int64)
    depth = {node: hop for hop, ring in enumerate(rings) for node in ring}
    distances = np.array([depth[node] for node in parents], np.int64)
    angles = _sectors(list(parents), parents)
    radius = distances / max(1, int(distances.max()))
    positions = radius[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1)

    place = {node: row for row, node in enumerate(parents)}
    inside = both[np.isin(both, nodes).all(axis=1)]
    pairs = np.array([[place[a], place[b]] for a, b in inside.tolist()], np.int64)
    pairs = np.unique(np.sort(pairs.reshape(-1, 2), axis=1), axis=0)
    pairs = pairs[pairs[:, 0] != pairs[:, 1]]
    return Neighbourhood(nodes, distances, positions, pairs)


def _sectors(order: list[int], parents: dict[int, int]) -> np.ndarray:
    """An angle for each node: the middle of its share of its parent's sector."""
    children: dict[int, list[int]] = {node: [] for node in order}
    for node in order[1:]:
        children[parents[node]].append(node)
    leaves = dict.fromkeys(order, 1)
    for node in reversed(order):  # Children come after their parents.
        if children[node]:
            leaves[node] = sum(leaves[child] for child in children[node])
    sector = {order[0]: (0.0, 2.0 * np.pi)}
    for node in order:
        start, width = sector[node]
        for child in children[node]:
            share = width * leaves[child] / leaves[node]
            sector[child] = (start, share)
            start += share
    return np.array([sector[node][0] + sector[node][1] / 2 for node in order])
