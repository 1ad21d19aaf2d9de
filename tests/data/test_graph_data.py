# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import scipy.sparse

from cl_keras.data import GraphData, load_edge_list
from cl_keras.data.graphs.graph_data import both_directions

EYE = np.eye(3, dtype=np.float32)
PATH = np.array([[0, 1], [1, 2]])


def test_loops_and_duplicates_are_dropped_and_counted():
    edges = np.array([[0, 1], [0, 1], [1, 0], [2, 2], [2, 2], [0, 1]], np.int32)
    graph = GraphData("g", EYE, edges)
    assert graph.edges.tolist() == [[1, 0], [0, 1]]
    assert graph.edges.dtype == np.int64
    assert (graph.self_loops, graph.duplicate_edges) == (2, 2)
    assert (graph.nodes, graph.graphs, graph.shape) == (3, 1, (3,))


def test_no_edges_and_sparse_features_are_fine():
    none = np.zeros((0, 2), np.int64)
    graph = GraphData("g", scipy.sparse.csr_matrix(EYE), none)
    assert graph.is_sparse and graph.edges.shape == (0, 2)


def test_undirected_edges_go_both_ways_once():
    edges, loops, duplicates = both_directions(
        np.array([[0, 1], [1, 0], [1, 2], [1, 2], [0, 0]]), 3
    )
    assert sorted(map(tuple, edges)) == [(0, 1), (1, 0), (1, 2), (2, 1)]
    assert (loops, duplicates) == (1, 1)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"features": EYE.astype(float)}, TypeError, "float32"),
        ({"features": EYE.tolist()}, TypeError, "SciPy CSR"),
        ({"features": scipy.sparse.coo_matrix(EYE)}, TypeError, "SciPy CSR"),
        ({"features": EYE * np.float32("nan")}, ValueError, "NaN"),
        (
            {"features": scipy.sparse.csr_matrix(np.full((3, 3), np.inf, "f4"))},
            ValueError,
            "finite",
        ),
        ({"features": EYE[:0]}, ValueError, "at least one node"),
        ({"edges": np.array([[0, 3]])}, ValueError, r"0\.\.2.*\[0, 3\]"),
        ({"edges": np.array([[-1, 0]])}, ValueError, r"\[-1, 0\]"),
        ({"edges": PATH.T[:, :1]}, ValueError, r"\(edges, 2\)"),
        ({"edges": PATH.astype(float)}, TypeError, "integers"),
        ({"labels": np.zeros(2, np.int64)}, ValueError, r"shape \(3,\)"),
        ({"labels": np.full(3, -2)}, ValueError, "-1"),
        (
            {"labels": np.arange(3), "class_names": ("a", "b")},
            ValueError,
            "below 2 classes",
        ),
        ({"splits": {"train": np.array([3])}}, ValueError, "'train'"),
        (
            {"splits": {"train": np.array([0]), "test": np.array([0])}},
            ValueError,
            "'test'",
        ),
        ({"splits": {"train": np.array([0.5])}}, TypeError, "node numbers"),
        ({"graph_ids": np.array([0, 1, 0])}, ValueError, "ascending"),
        ({"graph_ids": np.array([0, 0, 2])}, ValueError, "ascending"),
        ({"graph_ids": np.array([1, 1, 1])}, ValueError, "from 0"),
        ({"graph_ids": np.array([0, 0, 1])}, ValueError, r"\[1, 2\] between"),
        ({"graph_labels": np.zeros(2, np.int64)}, ValueError, "graph_labels"),
    ],
)
def test_wrong_values_are_named(change, error, message):
    values = {"name": "g", "features": EYE, "edges": PATH} | change
    with pytest.raises(error, match=message):
        GraphData(**values)


@pytest.mark.parametrize(
    "text",
    [
        "0,1\n1,2\n",
        "source;target\n0;1\n1;2",
        "# SNAP\n# FromNodeId\tToNodeId\n0\t1\n1\t2\n",
        "0 1\n\n1  2\n0 0\n",
    ],
)
def test_edge_tables(tmp_path, text):
    (tmp_path / "edges.csv").write_text(text)
    graph = load_edge_list(tmp_path / "edges.csv")
    assert sorted(map(tuple, graph.edges)) == [(0, 1), (1, 0), (1, 2), (2, 1)]
    assert graph.is_sparse and (graph.features.toarray() == EYE).all()
    directed = load_edge_list(tmp_path / "edges.csv", directed=True)
    assert sorted(map(tuple, directed.edges)) == [(0, 1), (1, 2)]
    assert directed.self_loops == graph.self_loops == text.count("0 0")


def test_folder_with_features_and_labels(tmp_path):
    (tmp_path / "edges.tsv").write_text("0\t1\n")
    np.save(tmp_path / "features.npy", EYE[:, :2].astype(float))
    (tmp_path / "labels.csv").write_text("label\ncat\n\ndog\n")
    graph = load_edge_list(tmp_path)
    assert graph.shape == (2,) and graph.nodes == 3
    assert graph.labels.tolist() == [0, -1, 1]
    assert graph.class_names == ("cat", "dog")
    (tmp_path / "features.npy").unlink()
    (tmp_path / "features.csv").write_text("a,b\n1,0\n0,1\n0,0.5\n")
    (tmp_path / "labels.csv").write_text("2\n-1\n0\n")
    graph = load_edge_list(tmp_path)
    assert graph.features[2].tolist() == [0.0, 0.5]
    assert graph.labels.tolist() == [2, -1, 0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0,1\n1,x\n", "line 2"),
        ("0,1\n1\n", "Expected 2 columns in line 2"),
        ("0,1,0.5\n", "no weights"),
        ("0,1,2\n", "no weights"),
        ("0,-1\n", "from 0 in line 1"),
        ("0,1.5\n", "line 1"),
        ("", "at least one edge"),
    ],
)
def test_wrong_edge_tables_are_named(tmp_path, text, message):
    (tmp_path / "edges.csv").write_text(text)
    with pytest.raises(ValueError, match=message):
        load_edge_list(tmp_path / "edges.csv")


def test_tables_that_do_not_fit_are_refused(tmp_path):
    with pytest.raises(ValueError, match="Found no edges.csv"):
        load_edge_list(tmp_path)
    (tmp_path / "edges.csv").write_text("0,5\n")
    (tmp_path / "features.csv").write_text("1\n2\n")
    with pytest.raises(ValueError, match=r"nodes 0\.\.1"):
        load_edge_list(tmp_path)
    (tmp_path / "features.csv").unlink()
    np.save(tmp_path / "features.npy", np.array([{}], object), allow_pickle=True)
    with pytest.raises(ValueError, match="Cannot read"):
        load_edge_list(tmp_path)
