# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import scipy.sparse
import tensorflow as tf

from cl_keras import data


def graphs(sizes=(3, 1, 4, 2), seed=0):
    """Complete graphs less a few edges; feature 0 is the number of the node."""
    rng = np.random.default_rng(seed)
    nodes = sum(sizes)
    ids = np.repeat(np.arange(len(sizes)), sizes)
    edges = [(a, b) for a in range(nodes) for b in range(nodes) if ids[a] == ids[b]]
    edges = np.array([e for e in edges if e[0] != e[1] and rng.random() < 0.8])
    features = np.stack([np.arange(nodes), ids, np.ones(nodes)], 1).astype("float32")
    return data.GraphData("set", features, edges, graph_ids=ids)


def grid(side=8):
    """A square grid: edges in both directions between neighbours."""
    number = np.arange(side * side).reshape(side, side)
    pairs = [(number[:, :-1], number[:, 1:]), (number[:-1], number[1:])]
    edges = np.concatenate([np.stack([a.ravel(), b.ravel()], 1) for a, b in pairs])
    edges = np.concatenate([edges, edges[:, ::-1]])
    features = np.stack([np.arange(side * side)] * 2, 1).astype("float32")
    return data.GraphData("grid", features, edges)


def original_edges(batch):
    """Edges of a batch in the numbers of the whole, which feature 0 holds."""
    number = batch["features"].numpy()[:, 0].astype(int)
    return {tuple(number[edge]) for edge in batch["edges"].numpy()}


@pytest.mark.parametrize("sparse", [False, True])
def test_whole_graph(sparse):
    graph = grid()
    if sparse:
        graph = data.GraphData(
            "g", scipy.sparse.csr_matrix(graph.features), graph.edges
        )
    (batch,) = data.whole_graph(graph)
    features = batch["features"]
    assert isinstance(features, tf.SparseTensor) == sparse
    dense = tf.sparse.to_dense(features) if sparse else features
    np.testing.assert_array_equal(dense, grid().features)
    np.testing.assert_array_equal(batch["edges"], graph.edges)
    assert batch["edges"].dtype == tf.int32 and "graph" not in batch
    (other,) = data.whole_graph(graph, sparse=not sparse)
    assert isinstance(other["features"], tf.SparseTensor) != sparse
    assert len(list(data.whole_graph(graph, repeat=True).take(3))) == 3
    (several,) = data.whole_graph(graphs())
    np.testing.assert_array_equal(several["graph"], graphs().graph_ids)


@pytest.mark.parametrize("shuffle", [False, True])
def test_graphs_side_by_side_are_the_graphs(shuffle):
    whole = graphs()
    seen, edges = [], set()
    for batch in data.graph_batches(whole, 3, shuffle=shuffle):
        number = batch["features"].numpy()[:, 0].astype(int)
        owner = batch["features"].numpy()[:, 1].astype(int)
        # Each graph in one piece, under one new number.
        graph = batch["graph"].numpy()
        assert (np.diff(graph) >= 0).all() and graph[0] == 0
        assert len(set(zip(graph, owner, strict=True))) == graph[-1] + 1
        assert (graph[batch["edges"][:, 0]] == graph[batch["edges"][:, 1]]).all()
        seen += number.tolist()
        edges |= original_edges(batch)
    assert sorted(seen) == list(range(10)) and (seen != sorted(seen)) == shuffle
    assert edges == set(map(tuple, whole.edges))


def test_stacked_graphs_are_the_graphs():
    whole = graphs()
    first = np.searchsorted(whole.graph_ids, np.arange(4))
    edges = set()
    for batch in data.graph_batches(whole, 3, stacked=True):
        mask, features = batch["mask"].numpy(), batch["features"].numpy()
        assert (features[~mask] == 0).all() and (features[mask][:, 2] == 1).all()
        for row, own in zip(features, batch["edges"].numpy(), strict=True):
            real = own[own[:, 0] >= 0]
            assert (own[own[:, 0] < 0] == -1).all()
            edges |= {tuple(e + first[int(row[0, 1])]) for e in real}
    assert edges == set(map(tuple, whole.edges))


@pytest.mark.slow
def test_orders_follow_the_seed():
    def order(seed):
        dataset = data.graph_batches(graphs(), 2, seed=seed)
        return [tuple(b["features"][:, 0].numpy()) for _ in range(2) for b in dataset]

    assert order(0) == order(0) != order(1)
    assert order(0)[:2] != order(0)[2:]
    assert len(data.graph_batches(graphs(), 3, drop_remainder=True)) == 1


@pytest.mark.slow
def test_subgraphs_hold_real_edges_within_reach():
    graph = grid()
    edges = set(map(tuple, graph.edges))
    for batch in data.sampled_subgraphs(graph, 10, (2, 3)):
        number = batch["features"].numpy()[:, 0].astype(int)
        assert len(set(number)) == len(number)
        target = batch["target"].numpy()
        count = target.sum()
        assert count in (10, 4) and target[:count].all()
        found = original_edges(batch)
        assert found <= edges and len(found) == len(batch["edges"])
        # Everything is reached from the nodes of the batch, against the edges.
        reached = set(number[:count])
        hops = []
        for _ in range(2):
            new = {s for s, t in found if t in reached} - reached
            hops.append(new)
            reached |= new
        assert reached == set(number)
        # No more incoming edges than the fan-out of the hop a node was found at.
        incoming = np.bincount([t for _, t in found], minlength=64)
        assert (incoming[number[:count]] <= 2).all()
        assert all(incoming[n] <= 3 for n in hops[0])
        assert all(incoming[n] == 0 for n in hops[1])


def test_enough_fan_out_takes_all_neighbours():
    graph = grid()
    (batch,) = data.sampled_subgraphs(graph, 1, (4,), nodes=np.array([9]))
    assert original_edges(batch) == {(1, 9), (8, 9), (10, 9), (17, 9)}
    # Corners have two neighbours and keep both, none twice.
    (batch,) = data.sampled_subgraphs(graph, 1, (3,), nodes=np.array([0]))
    assert original_edges(batch) == {(1, 0), (8, 0)}


@pytest.mark.slow
def test_neighbours_are_drawn_anew_and_evenly():
    drawn = []
    subgraphs = data.sampled_subgraphs(grid(), 1, (1,), nodes=np.array([9]))
    for batch in subgraphs.repeat(400):
        drawn += [source for source, _ in original_edges(batch)]
    counts = np.bincount(drawn, minlength=18)[[1, 8, 10, 17]]
    assert counts.sum() == 400 and counts.min() > 65  # 100 expected, sd 9.


def test_graphs_without_edges():
    none = np.zeros((0, 2), np.int64)
    ids = np.array([0, 1, 1])
    graph = data.GraphData("none", np.eye(3, dtype=np.float32), none, graph_ids=ids)
    assert all(len(b["edges"]) == 0 for b in data.graph_batches(graph, 1))
    stacked = data.graph_batches(graph, 2, stacked=True)
    assert next(iter(stacked))["edges"].shape == (2, 0, 2)
    single = data.GraphData("none", np.eye(3, dtype=np.float32), none)
    (batch,) = data.sampled_subgraphs(single, 3, (5, 5))
    assert batch["edges"].shape == (0, 2) and batch["target"].numpy().all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: data.graph_batches(grid(), 2), "whole_graph"),
        (lambda: data.graph_batches(graphs(), 5), r"1\.\.4"),
        (lambda: data.graph_batches(graphs(), 0), "batch_size=0"),
        (lambda: data.sampled_subgraphs(graphs(), 2), "graph_batches"),
        (lambda: data.sampled_subgraphs(grid(), 2, ()), "fan_outs"),
        (lambda: data.sampled_subgraphs(grid(), 2, (0,)), "fan_outs"),
        (lambda: data.sampled_subgraphs(grid(), 65), r"1\.\.64"),
        (
            lambda: data.sampled_subgraphs(grid(), 1, nodes=np.array([64])),
            r"0\.\.63",
        ),
        (lambda: data.sampled_subgraphs(grid(), 1, nodes=np.array([])), "nodes"),
    ],
)
def test_wrong_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_wrong_types_are_named():
    with pytest.raises(TypeError, match="GraphData"):
        data.whole_graph({"features": np.eye(2)})
