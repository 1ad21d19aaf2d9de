# SPDX-License-Identifier: Apache-2.0
import collections
import os
import pickle

import numpy as np
import pytest
import scipy.sparse

from cl_keras import data
from cl_keras.data.graphs.safe_pickle import load_pickle


class Malicious:
    def __reduce__(self):
        return os.system, ("touch ran",)


@pytest.mark.parametrize("protocol", range(6))
def test_code_is_refused_by_name_and_not_run(protocol, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for value in (Malicious(), {"x": [Malicious()]}, {1: {2: (3, Malicious())}}):
        (tmp_path / "bad").write_bytes(pickle.dumps(value, protocol=protocol))
        with pytest.raises(ValueError, match=r"only\. Refused: (posix|nt)\.system"):
            load_pickle(tmp_path / "bad")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (b"cbuiltins\neval\n(S'1+1'\ntR.", "builtins.eval"),
        (b"cbuiltins\ngetattr\n.", "builtins.getattr"),
        (b"cnumpy\nload\n(S'x'\ntR.", "numpy.load"),
        (b"cnumpy\nndarray.tofile\n.", "numpy.ndarray.tofile"),
        (b"\x80\x04\x8c\x02os\x8c\x06system\x93.", "os.system"),
        (b"cscipy.sparse.csr\ncsr_matrix\n.", "type"),
        (
            b"cnumpy.core.multiarray\n_reconstruct\n(cbuiltins\ndict\n(I0\ntS'b'\ntR.",
            "class other than",
        ),
        (b"P1\n.", "persistent"),
        (b"\x80\x02\x82\x01.", "extension|registered"),
        (b"not a pickle", "."),
        (b"", "input"),
    ],
)
def test_other_tricks_are_refused(content, named, tmp_path):
    (tmp_path / "bad").write_bytes(content)
    with pytest.raises(ValueError, match=f"Refused: .*{named}"):
        load_pickle(tmp_path / "bad")


@pytest.mark.parametrize(
    "value",
    [
        np.array([{}], object),
        np.array(["text"]),
        {1, 2},
        collections.OrderedDict(a=1),
        np.matrix([[1.0]]),
        scipy.sparse.coo_matrix(np.eye(2)),
    ],
)
def test_other_types_are_refused(value, tmp_path):
    (tmp_path / "bad").write_bytes(pickle.dumps(value, protocol=2))
    with pytest.raises(ValueError, match="Refused"):
        load_pickle(tmp_path / "bad")


def test_a_damaged_matrix_is_refused(tmp_path):
    matrix = scipy.sparse.csr_matrix(np.eye(3))
    matrix.indices[1] = 7  # A column that is not there: memory it does not own.
    (tmp_path / "bad").write_bytes(pickle.dumps(matrix, protocol=2))
    with pytest.raises(ValueError, match="Refused"):
        load_pickle(tmp_path / "bad")


@pytest.mark.parametrize("protocol", range(2, 6))
def test_data_is_read(protocol, tmp_path):
    graph = collections.defaultdict(list, {0: [1], 1: [0]})
    matrix = scipy.sparse.csr_matrix(np.eye(3))
    value = {"a": np.arange(6).reshape(2, 3), "b": matrix, "c": graph, "d": [1, 2.5]}
    if protocol >= 5:  # NumPy then writes arrays by a function of its own.
        value = {"c": graph, "d": [1, 2.5]}
    (tmp_path / "good").write_bytes(pickle.dumps(value, protocol=protocol))
    again = load_pickle(tmp_path / "good")
    assert again["c"] == dict(graph) and again["d"] == [1, 2.5]
    if protocol < 5:
        np.testing.assert_array_equal(again["a"], value["a"])
        np.testing.assert_array_equal(again["b"].toarray(), np.eye(3))


@pytest.mark.parametrize(
    ("name", "nodes", "features", "edges", "classes", "train", "loops"),
    [
        # Numbers of nodes, edges and features as published for these graphs.
        ("cora", 2708, 1433, 2 * 5278, 7, 140, 0),
        ("Citeseer", 3327, 3703, 2 * 4552, 6, 120, None),
    ],
)
def test_citation_graphs(
    real_data, name, nodes, features, edges, classes, train, loops
):
    graph = data.load_planetoid(real_data / "planetoid", name)
    assert (graph.nodes, graph.shape, len(graph.edges)) == (nodes, (features,), edges)
    pairs = set(map(tuple, graph.edges))
    assert all((b, a) in pairs and a != b for a, b in pairs)
    assert graph.name == f"planetoid:{name.lower()}"
    sizes = {part: len(rows) for part, rows in graph.splits.items()}
    assert sizes == {"train": train, "validation": 500, "test": 1000}
    counts = np.bincount(graph.labels[graph.splits["train"]])
    assert counts.tolist() == [20] * classes
    sums = np.asarray(graph.features.sum(axis=1)).ravel()
    empty = sums == 0
    np.testing.assert_allclose(sums[~empty], 1.0, atol=1e-5)
    # The 15 nodes of Citeseer that the files do not describe.
    missing = graph.labels == -1
    assert missing.sum() == (15 if name == "Citeseer" else 0)
    assert empty[missing].all()
    assert not missing[np.concatenate(list(graph.splits.values()))].any()


def test_test_nodes_keep_their_own_features_and_labels(real_data):
    # Neighbours share labels: shuffled test rows would fall to chance, 0.18.
    graph = data.load_planetoid(real_data / "planetoid", "cora")
    test = np.isin(graph.edges[:, 1], graph.splits["test"])
    source, target = graph.edges[test].T
    assert np.mean(graph.labels[source] == graph.labels[target]) > 0.7
    x = graph.features.toarray()
    near = (x[source] * x[target]).sum(1).mean()
    other = (x[source] * x[np.random.default_rng(0).permutation(target)]).sum(1).mean()
    assert near > 2 * other


def test_unnormalised_features_are_counts(real_data):
    graph = data.load_planetoid(real_data / "planetoid", "cora", normalize=False)
    assert set(np.unique(graph.features.data)) == {1.0}


def test_missing_and_misfit_files_are_named(real_data, tmp_path):
    with pytest.raises(ValueError, match=r"Graphs there: citeseer, cora"):
        data.load_planetoid(real_data / "planetoid", "nell")
    for path in (real_data / "planetoid").glob("ind.cora.*"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "ind.cora.ty").write_bytes((tmp_path / "ind.cora.y").read_bytes())
    with pytest.raises(ValueError, match="`tx` and `ty`"):
        data.load_planetoid(tmp_path, "cora")
    (tmp_path / "ind.cora.graph").write_bytes(pickle.dumps(Malicious(), protocol=2))
    with pytest.raises(ValueError, match="system"):
        data.load_planetoid(tmp_path, "cora")
