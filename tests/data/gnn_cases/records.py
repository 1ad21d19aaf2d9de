# SPDX-License-Identifier: Apache-2.0
"""Run by ../test_graph_tensor.py, or `pytest tests/data/gnn_cases/records.py`."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import sparse

from cl_keras import data, gnn
from cl_keras.data.graphs import graph_tensor, graph_writer
from cl_keras.encoders.graph_layers import neighbor_sum

tfgnn = gnn.load()


def one_graph(nodes=6, **options):
    rng = np.random.default_rng(0)
    return data.GraphData(
        "one",
        rng.random((nodes, 3), np.float32),
        np.array([[0, 1], [1, 0], [2, 1], [4, 0]]),  # Nodes 3 and 5 are alone.
        **options,
    )


def four_graphs():
    """Of 3, 1, 2 and 4 nodes, the third without edges."""
    rng = np.random.default_rng(1)
    return data.GraphData(
        "four",
        rng.random((10, 2), np.float32),
        np.array([[0, 1], [1, 2], [2, 0], [7, 6], [9, 8], [8, 9]]),
        graph_ids=np.array([0, 0, 0, 1, 2, 2, 3, 3, 3, 3]),
        graph_labels=np.array([1, 0, -1, 1]),
        class_names=("no", "yes"),
    )


def same(left, right):
    np.testing.assert_array_equal(dense(left), dense(right))
    np.testing.assert_array_equal(left.edges, right.edges)
    for name in ("labels", "graph_ids", "graph_labels"):
        np.testing.assert_array_equal(getattr(left, name), getattr(right, name), name)
    assert left.class_names == right.class_names
    splits = dict(right.splits or {})
    assert {k: v.tolist() for k, v in (left.splits or {}).items()} == {
        k: sorted(v.tolist()) for k, v in splits.items()
    }


def dense(graph):
    return graph.features.toarray() if graph.is_sparse else graph.features


def test_one_graph_comes_back(tmp_path):
    graph = one_graph(
        labels=np.array([0, 1, -1, 2, 0, 1]),
        class_names=("a", "ü", "c d"),
        splits={"train": np.array([4, 0]), "test": np.array([5])},
    )
    folder = data.write_graph_tensors(graph, tmp_path / "new" / "folder")
    assert sorted(p.name for p in folder.iterdir()) == [
        "graphs-00000-of-00001.tfrecord",
        "schema.pbtxt",
    ]
    same(data.load_graph_tensors(folder), graph)
    same(data.load(f"graph:{folder}"), graph)
    # One file, with the schema beside it.
    same(data.load_graph_tensors(folder / "graphs-00000-of-00001.tfrecord"), graph)
    with pytest.raises(ValueError, match="without records"):
        data.write_graph_tensors(graph, folder)


def test_set_of_graphs_comes_back_from_shards(tmp_path):
    graphs = four_graphs()
    data.write_graph_tensors(graphs, tmp_path, shards=3)
    assert len(list(tmp_path.glob("*.tfrecord"))) == 3
    same(data.load_graph_tensors(tmp_path), graphs)
    for shards in (0, 5):
        with pytest.raises(ValueError, match=f"shards={shards}"):
            data.write_graph_tensors(graphs, tmp_path / "more", shards=shards)


def test_sparse_features_become_dense(tmp_path):
    rows = sparse.csr_matrix(np.eye(3, 5, dtype=np.float32))
    graph = data.GraphData("sparse", rows, np.array([[0, 2]]))
    data.write_graph_tensors(graph, tmp_path)
    same(data.load_graph_tensors(tmp_path), graph)


def test_graph_without_edges(tmp_path):
    graph = data.GraphData(
        "alone", np.ones((2, 1), np.float32), np.zeros((0, 2), np.int64)
    )
    data.write_graph_tensors(graph, tmp_path)
    same(data.load_graph_tensors(tmp_path), graph)
    batch = next(iter(data.graph_tensor_batches(tmp_path, 1)))
    assert batch["edges"].shape == (0, 2)


def test_batches_are_those_of_graphs_in_memory(tmp_path):
    graphs = four_graphs()
    data.write_graph_tensors(graphs, tmp_path, shards=2)
    for stacked in (False, True):
        got = data.graph_tensor_batches(tmp_path, 3, stacked=stacked, shuffle=False)
        wanted = data.graph_batches(graphs, 3, stacked=stacked, shuffle=False)
        pairs = list(zip(got, wanted, strict=True))
        assert len(pairs) == 2
        for left, right in pairs:
            assert left.keys() == right.keys()
            for key in left:
                assert left[key].dtype == right[key].dtype, key
                np.testing.assert_array_equal(left[key], right[key], key)


def test_order_of_batches(tmp_path):
    data.write_graph_tensors(four_graphs(), tmp_path, shards=2)

    def sizes(**options):
        batches = data.graph_tensor_batches(tmp_path, 1, **options)
        return [len(batch["graph"]) for batch in batches]

    assert sizes(shuffle=False) == [3, 1, 2, 4]
    dataset = data.graph_tensor_batches(tmp_path, 1, seed=1)
    epochs = [[len(batch["graph"]) for batch in dataset] for _ in range(8)]
    assert all(sorted(epoch) == [1, 2, 3, 4] for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) > 1
    whole = data.graph_tensor_batches(tmp_path, 3, drop_remainder=True)
    assert len(list(whole)) == 1
    assert len(list(data.graph_tensor_batches(tmp_path, 4, repeat=True).take(5))) == 5
    orders = []
    for global_seed in (1, 2):
        tf.random.set_seed(global_seed)
        endless = data.graph_tensor_batches(tmp_path, 1, seed=3, repeat=True).take(32)
        orders.append([len(batch["graph"]) for batch in endless])
    epochs = [tuple(orders[0][row : row + 4]) for row in range(0, 32, 4)]
    assert orders[0] == orders[1] and len({*epochs}) > 1
    assert all(sorted(epoch) == [1, 2, 3, 4] for epoch in epochs)
    with pytest.raises(ValueError, match="seed"):
        data.graph_tensor_batches(tmp_path, 1, seed="x")
    with pytest.raises(ValueError, match="batch_size=0"):
        data.graph_tensor_batches(tmp_path, 0)


def test_roots_and_receivers(tmp_path):
    graphs = four_graphs()
    data.write_graph_tensors(graphs, tmp_path)
    turned = gnn.layout(tmp_path / "schema.pbtxt", receiver="source")
    batch = next(
        iter(
            data.graph_tensor_batches(
                tmp_path, 4, layout=turned, rooted=True, shuffle=False
            )
        )
    )
    np.testing.assert_array_equal(batch["edges"][:, ::-1], graphs.edges)
    assert np.flatnonzero(batch["target"]).tolist() == [0, 3, 4, 6]


def test_graph_tensor_sends_messages_the_same_way():
    graphs = four_graphs()
    tensor = data.to_graph_tensor(graphs)
    assert tensor.node_sets["nodes"].sizes.numpy().tolist() == [3, 1, 2, 4]
    assert tensor.edge_sets["edges"].sizes.numpy().tolist() == [3, 0, 0, 3]
    assert tensor.context["label"].numpy().tolist() == [1, 0, -1, 1]
    sent = tfgnn.broadcast_node_to_edges(
        tensor, "edges", tfgnn.SOURCE, feature_name="features"
    )
    received = tfgnn.pool_edges_to_node(
        tensor, "edges", tfgnn.TARGET, "sum", feature_value=sent
    )
    np.testing.assert_allclose(
        neighbor_sum(tf.constant(graphs.features), tf.constant(graphs.edges)),
        received,
        atol=1e-6,
    )


MIXED = """
node_sets { key: "paper" value {
  features { key: "year" value { dtype: DT_INT64 } }
  features { key: "words" value { dtype: DT_FLOAT shape { dim { size: 2 } } } }
  features { key: "grid" value {
    dtype: DT_FLOAT shape { dim { size: 2 } dim { size: 1 } } } }
  features { key: "title" value { dtype: DT_STRING } }
  features { key: "tags" value { dtype: DT_FLOAT shape { dim { size: -1 } } } } } }
node_sets { key: "author" value { features { key: "h" value { dtype: DT_FLOAT } } } }
node_sets { key: "_other" value {} }
edge_sets { key: "cites" value { source: "paper" target: "paper" } }
edge_sets { key: "like" value { source: "paper" target: "paper" } }
edge_sets { key: "writes" value { source: "author" target: "paper" } }
"""


def mixed(folder):
    (folder / "schema.pbtxt").write_text(MIXED)
    return folder / "schema.pbtxt"


def test_part_of_a_graph_of_many_kinds(tmp_path):
    layout = gnn.layout(
        mixed(tmp_path),
        node_set="paper",
        edge_set="cites",
        features=["year", "words", "grid"],
    )
    assert layout.width == 5
    example = tf.train.Example()
    fields = example.features.feature
    fields["nodes/paper.#size"].int64_list.value.append(2)
    fields["nodes/paper.year"].int64_list.value.extend([1999, 2001])
    fields["nodes/paper.words"].float_list.value.extend([1, 2, 3, 4])
    fields["nodes/paper.grid"].float_list.value.extend([5, 6, 7, 8])
    fields["edges/cites.#size"].int64_list.value.append(1)
    fields["edges/cites.#source"].int64_list.value.append(1)
    fields["edges/cites.#target"].int64_list.value.append(0)
    # Titles, tags, authors and the other edges are not in the record.
    with tf.io.TFRecordWriter(str(tmp_path / "papers.tfrecord")) as writer:
        writer.write(example.SerializeToString())
    got = data.load_graph_tensors(tmp_path, layout=layout)
    assert got.features.tolist() == [[1999, 1, 2, 5, 6], [2001, 3, 4, 7, 8]]
    assert got.edges.tolist() == [[1, 0]]


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ({}, r"name of a node set: the schema has 2 \(author, paper\)"),
        ({"node_set": "author"}, "edge set from author to itself: the schema has 0"),
        ({"node_set": "paper"}, r"2 \(cites, like\)"),
        ({"node_set": "papre"}, "Did you mean 'paper'"),
        ({"node_set": "paper", "edge_set": "writes"}, "Known: cites, like"),
        ({"node_set": "paper", "edge_set": "like"}, r"3 \(grid, tags, words\)"),
        (
            {"node_set": "paper", "edge_set": "like", "features": "word"},
            "Did you mean 'words'",
        ),
        (
            {"node_set": "paper", "edge_set": "like", "features": "title"},
            "numeric.*string",
        ),
        ({"node_set": "paper", "edge_set": "like", "features": "tags"}, r"\[-1\]"),
        ({"node_set": "paper", "edge_set": "like", "features": ()}, "at least one"),
        (
            {"node_set": "paper", "edge_set": "like", "receiver": "both"},
            "Unknown receiver",
        ),
    ],
)
def test_choices_that_a_schema_leaves(tmp_path, choice, message):
    with pytest.raises(ValueError, match=message):
        gnn.layout(mixed(tmp_path), **choice)


def test_unfit_schemas(tmp_path):
    with pytest.raises(TypeError, match="int"):
        gnn.layout(3)
    path = tmp_path / "schema.pbtxt"
    with pytest.raises(ValueError, match="schema.pbtxt"):
        gnn.read_schema(path)
    path.write_text("node_sets { what }")
    with pytest.raises(ValueError, match="schema.pbtxt"):
        gnn.read_schema(path)
    path.write_text('edge_sets { key: "e" value { source: "a" target: "b" } }')
    with pytest.raises(ValueError, match="schema.pbtxt"):
        gnn.read_schema(path)


def test_labels_must_be_whole_numbers(tmp_path):
    graph = one_graph(labels=np.arange(6))
    folder = data.write_graph_tensors(graph, tmp_path)
    with pytest.raises(ValueError, match="'features' in .*pbtxt to be an integer each"):
        data.load_graph_tensors(folder, label="features")
    assert data.load_graph_tensors(folder, label="absent").labels is None


def test_a_graph_too_large_for_a_record(tmp_path, monkeypatch):
    monkeypatch.setattr(graph_writer, "_LARGEST", 300)
    with pytest.raises(ValueError, match="sample subgraphs"):
        data.write_graph_tensors(one_graph(), tmp_path)


def test_real_molecules(tmp_path, real_data):
    graphs = data.load_tu(next(real_data.rglob("MUTAG.txt")))
    data.write_graph_tensors(graphs, tmp_path, shards=4)
    same(data.load_graph_tensors(tmp_path), graphs)
    assert graph_tensor.find_schema(tmp_path).name == "schema.pbtxt"
