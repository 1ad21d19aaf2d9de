# SPDX-License-Identifier: Apache-2.0
"""Run by ../test_graph_tensor.py, or `pytest tests/data/gnn_cases/sampling.py`."""

import keras
import numpy as np
import pytest

from cl_keras import data, encoders, methods


def random_graph(nodes=40, edges=150):
    rng = np.random.default_rng(0)
    pairs = rng.integers(0, nodes - 1, (edges, 2))  # The last node is alone.
    features = rng.random((nodes, 5), np.float32)
    # Recognisable: the first feature is the node's number.
    features[:, 0] = np.arange(nodes)
    return data.GraphData("random", features, pairs)


GRAPH = random_graph()


def subgraphs(batch):
    """Node numbers and edges, in numbers of the whole graph, of each subgraph."""
    batch = {key: value.numpy() for key, value in batch.items()}
    number = batch["features"][:, 0].astype(int)
    for graph in range(batch["graph"].max() + 1):
        inside = batch["graph"] == graph
        own = batch["edges"][inside[batch["edges"][:, 0]]]
        assert inside[own].all()
        yield number[inside], number[own], number[inside & batch["target"]]


def everything_within(graph, root, hops):
    """The slow way."""
    edges, seen, frontier = set(), {root}, {root}
    for _ in range(hops):
        found = {(s, t) for s, t in graph.edges.tolist() if t in frontier}
        edges |= found
        frontier = {s for s, _ in found}
        seen |= frontier
    return seen, edges


@pytest.fixture(scope="module")
def complete():
    """Built once: TF-GNN takes seconds."""
    return data.rooted_subgraphs(GRAPH, 20, (100, 100), shuffle=False)


@pytest.fixture(scope="module")
def sampled():
    return data.rooted_subgraphs(GRAPH, 10, (3,), seed=1)


def test_all_neighbours_where_they_fit(complete):
    root = 0
    for batch in complete:
        for nodes, edges, target in subgraphs(batch):
            wanted_nodes, wanted_edges = everything_within(GRAPH, root, hops=2)
            assert nodes[0] == root and target.tolist() == [root]
            assert len(nodes) == len(set(nodes)) and set(nodes) == wanted_nodes
            assert len(edges) == len(wanted_edges)
            assert set(map(tuple, edges.tolist())) == wanted_edges
            root += 1
    assert root == GRAPH.nodes


def test_no_more_than_the_fan_out(sampled):
    known = set(map(tuple, GRAPH.edges.tolist()))
    degree = np.bincount(GRAPH.edges[:, 1], minlength=GRAPH.nodes)
    seen = []
    for batch in sampled.repeat(2):
        for _, edges, (root,) in subgraphs(batch):
            found = set(map(tuple, edges.tolist()))
            assert found <= known and (edges[:, 1] == root).all()
            assert len(found) == len(edges) == min(3, degree[root])
            seen.append((root, found))
    epochs = [dict(seen[: GRAPH.nodes]), dict(seen[GRAPH.nodes :])]
    assert len(epochs[0]) == len(epochs[1]) == GRAPH.nodes
    assert epochs[0] != epochs[1]  # Drawn anew each time.


def test_root_has_the_embedding_it_has_in_the_whole_graph(complete):
    keras.utils.set_random_seed(1)
    encoder = encoders.graph_sage(GRAPH.shape, units=(8, 4))
    whole = encoder.predict(data.whole_graph(GRAPH), verbose=0)
    rows = []
    for batch in complete:
        output = encoder({"features": batch["features"], "edges": batch["edges"]})
        rows.append(output[batch["target"]])
    np.testing.assert_allclose(np.concatenate(rows), whole, atol=1e-4)


def test_same_seed_same_subgraphs():
    def draw(seed):
        keras.utils.set_random_seed(0)
        chosen = np.array([5, 39, 0, 7, 8])
        dataset = data.rooted_subgraphs(GRAPH, 5, (2,), nodes=chosen, seed=seed)
        batches = list(dataset.repeat(2))
        roots = [b["features"][:, 0].numpy()[b["target"]].tolist() for b in batches]
        assert all(sorted(found) == sorted(chosen) for found in roots)
        return [batch["features"][:, 0].numpy().tolist() for batch in batches]

    first = draw(3)
    assert first == draw(3)
    assert first != draw(4)
    assert first[0] != first[1]


def test_trains_deep_graph_infomax(sampled):
    model = methods.DeepGraphInfomax(
        encoders.graph_sage(GRAPH.shape, units=8), summary="batch"
    )
    model.compile(keras.optimizers.Adam(1e-2))
    history = model.fit(sampled, epochs=1, verbose=0)
    assert np.isfinite(history.history["loss"]).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 0}, "batch_size=0"),
        ({"fan_outs": ()}, "fan_outs"),
        ({"fan_outs": (2, 0)}, "fan_outs"),
        ({"nodes": np.array([40])}, "0..39"),
        ({"nodes": np.array([], int)}, "0..39"),
        ({"nodes": np.array([0.5])}, "float64"),
    ],
)
def test_bad_arguments(options, message):
    with pytest.raises(ValueError, match=message):
        data.rooted_subgraphs(GRAPH, **{"batch_size": 2, **options})


def test_sets_of_graphs_are_refused(tmp_path):
    graphs = data.GraphData(
        "two",
        np.ones((2, 1), np.float32),
        np.zeros((0, 2), np.int64),
        graph_ids=np.array([0, 1]),
    )
    for call in (
        lambda: data.rooted_subgraphs(graphs, 1),
        lambda: data.write_sampler_input(graphs, tmp_path),
    ):
        with pytest.raises(ValueError, match="a set of 2"):
            call()
