# SPDX-License-Identifier: Apache-2.0
"""Graphs as people's tables have them: nothing shifts, and nothing vanishes."""

from __future__ import annotations

import gzip
import warnings

import numpy as np
import pyarrow.csv
import pytest
import scipy.sparse

from cl_keras import data
from cl_keras.runs import TrainConfig
from cl_keras.runs.jobs.job import load_job

ROWS = np.array([[10.5, 11.0], [12.0, 13.5], [14.0, 15.0]], np.float32)
TABLE = "10.5,11\n12,13.5\n14,15\n"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "edges.csv").write_text("source,target\n0,1\n1,2\n")

    def write(name, content):
        if isinstance(content, str):
            content = content.encode()
        (tmp_path / name).write_bytes(content)
        return tmp_path

    write.load = lambda: data.load(f"edges:{tmp_path}")
    return write


@pytest.mark.parametrize(
    "text",
    [
        TABLE,
        "0,1\n" + TABLE,  # pandas' names of columns that have none.
        ",a,b\n0,10.5,11\n1,12,13.5\n2,14,15\n",  # with its index
        "width;height\n10,5;11\n12;13,5\n14;15\n",  # decimal commas
        "\ufeffa,b\r\n10.5,11\r\n12,13.5\r\n14,15\r\n",
        "# a comment\n10.5 11\n12   13.5\n14\t15\n",
        "node,a,b\n2,14,15\n0,10.5,11\n1,12,13.5\n",
    ],
)
@pytest.mark.filterwarnings("ignore:.*is taken as the names")
def test_features_stay_with_their_nodes(folder, text):
    folder("features.csv", text)
    graph = folder.load()
    assert graph.nodes == 3 and graph.shape == (2,)
    ids = graph.node_ids or ("0", "1", "2")
    rows = graph.features[[ids.index(str(n)) for n in range(3)]]
    np.testing.assert_array_equal(rows, ROWS)
    edges = {(ids[a], ids[b]) for a, b in graph.edges}
    assert edges == {("0", "1"), ("1", "0"), ("1", "2"), ("2", "1")}


def test_numbers_taken_as_names_are_said(folder):
    folder("features.csv", "0,1\n" + TABLE)
    with pytest.warns(UserWarning, match=r"first line, '0,1', is taken as the names"):
        graph = folder.load()
    assert any("features.csv" in note for note in graph.notes)


@pytest.mark.parametrize(
    ("text", "labels", "names"),
    [
        ("target\n5\n7\n7\n", [0, 1, 1], ("5", "7")),
        ("fraud\nyes\nno\nno\n", [1, 0, 0], ("no", "yes")),
        ("cat\ndog\ncat\n", [0, 1, 0], ("cat", "dog")),
        ("0\n1\n1\n", [0, 1, 1], ("0", "1")),
        ("id,label\n2,a\n0,b\n", [1, -1, 0], ("a", "b")),
        ("label\n1.0\n\n0.0\n", [1, -1, 0], ("0", "1")),
    ],
)
def test_labels_stay_with_their_nodes(folder, text, labels, names):
    folder("labels.csv", text)
    graph = folder.load()
    assert (graph.labels.tolist(), graph.class_names) == (labels, names)


@pytest.mark.parametrize(
    "text",
    [
        "id,label,part\n2,a,test\n0,b,train\n1,a,\n",
        "label,Part\nb,train\na,\na,test\n",
        "part,label\ntrain,b\n,a\ntest,a\n",
        "part,class,id\ntest,a,2\ntrain,b,0\n,a,1\n",
    ],
)
def test_labels_say_of_which_part_a_node_is(folder, text):
    folder("labels.csv", text)
    graph = folder.load()
    assert graph.labels.tolist() == [1, 0, 0] and graph.class_names == ("a", "b")
    splits = {name: nodes.tolist() for name, nodes in graph.splits.items()}
    assert splits == {"train": [0], "test": [2]}
    job = load_job(TrainConfig("dgi", graph.name, out=""))
    assert [x.tolist() for x in job.own_labelled().labels] == [[1], [0]]


def test_features_of_another_name_are_asked_for(folder):
    folder("nodes.csv", "id,a\n0,1\n1,2\n2,3\n")
    with pytest.raises(ValueError, match=r"in features\.csv.*labels\.csv.*nodes\.csv"):
        folder.load()
    folder("features.csv", TABLE)
    with pytest.warns(UserWarning, match="not used: nodes.csv"):
        folder.load()


def test_arrays_beside_a_table_are_read(folder, tmp_path):
    scipy.sparse.save_npz(
        tmp_path / "features.npz", scipy.sparse.csr_matrix(np.ones((3, 7), "f4"))
    )
    np.save(tmp_path / "labels.npy", np.array([0, 1, 1]))
    graph = folder.load()
    assert graph.shape == (7,) and graph.is_sparse
    assert graph.labels.tolist() == [0, 1, 1]
    np.savez(tmp_path / "features.npz", features=ROWS)
    np.testing.assert_array_equal(folder.load().features, ROWS)


def test_what_is_not_used_is_named(folder, tmp_path):
    folder("weights.csv", "1\n")
    with pytest.warns(UserWarning, match="1 files of .* are not used: weights.csv"):
        graph = folder.load()
    assert "weights.csv" in graph.skipped[0]
    (tmp_path / "weights.csv").rename(tmp_path / ".hidden")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        folder.load()


def test_ids_with_gaps_and_names_become_rows(tmp_path):
    path = tmp_path / "e.txt"
    path.write_text("0 100000000\n5 7\n")
    graph = data.load(f"edges:{path}")
    assert graph.nodes == 4 and graph.node_ids == ("0", "5", "7", "100000000")
    assert graph.edges.tolist() == [[3, 0], [2, 1], [1, 2], [0, 3]]
    path.write_text("who,whom\nann,bob\nbob,eve\n")
    graph = data.load(f"edges:{path}")
    assert graph.node_ids == ("ann", "bob", "eve") and len(graph.edges) == 4
    path.write_text("ann,bob\nbob,eve\n")
    assert len(data.load(f"edges:{path}").edges) == 4
    path.write_text("007 010\n010 011\n")
    assert data.load(f"edges:{path}").node_ids == ("007", "010", "011")


@pytest.mark.parametrize(
    "text", ["0 1 {}\n1 2 {}\n", "# nx\n0 1\n1 2\n", "0;1\n1;2\n", "0\t1\n1\t2\n"]
)
def test_forms_of_edges(tmp_path, text):
    (tmp_path / "e.txt.gz").write_bytes(gzip.compress(text.encode()))
    graph = data.load(f"edges:{tmp_path / 'e.txt.gz'}")
    assert graph.nodes == 3 and len(graph.edges) == 4 and graph.node_ids is None


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("features.csv", "a,b\n1,2\n,4\n5,6\n", r"column 1.*line 3 of .*features\.csv"),
        ("features.csv", "a,b\n1,2\nx,4\n5,6\n", "line 3"),
        ("features.csv", "a,b\n1,2\nnan,4\n5,6\n", "line 3"),
        ("features.csv", "a,b\n1,2\n3\n5,6\n", "Expected 2 columns in line 3"),
        ("features.csv", "a,b\n1,2\n3,4\n", r"nodes 0\.\.1.*Received: node 2"),
        ("features.csv", "id,b\n7,2\n8,4\n", "among the 2 ids.*such as 0"),
        ("features.csv", "id,b\n0,2\n1,4\n1,4\n2,4\n", "each id once in line 4"),
        ("labels.csv", "a\nb\n", "Cannot tell whether the first line"),
        ("labels.csv", "id,label\n0,a\n9,b\n0,c\n", "each id once"),
        ("labels.csv", "0.5\n0.25\n1\n", "whole numbers"),
        ("labels.csv", "a,b,c\n1,2,3\n4,5,6\n7,8,9\n", "3 columns"),
        ("labels.csv", "id,part\n0,train\n1,test\n", "an id and a label"),
        ("labels.csv", "y,part\n0,train\n1,dev\n1,test\n", "'part' in line 3"),
        ("labels.csv", "y,part\n0,train\n1,\n1,\n", "Received: none of test"),
        ("features.npy", b"junk", "Cannot read"),
    ],
)
def test_what_does_not_fit_is_refused_by_file_and_line(folder, name, text, message):
    folder(name, text)
    with pytest.raises(ValueError, match=message):
        folder.load()


def test_names_need_a_column_of_ids(tmp_path):
    (tmp_path / "edges.csv").write_text("ann,bob\nbob,eve\n")
    (tmp_path / "features.csv").write_text("a,b\n1,2\n3,4\n5,6\n")
    with pytest.raises(ValueError, match="column of ids, named 'id'"):
        data.load(f"edges:{tmp_path}")
    (tmp_path / "features.csv").write_text("id,b\nbob,2\nann,4\neve,6\nzoe,1\n")
    graph = data.load(f"edges:{tmp_path}")
    assert graph.node_ids == ("bob", "ann", "eve", "zoe")
    assert graph.features[:, 0].tolist() == [2, 4, 6, 1]
    assert sorted(map(tuple, graph.edges)) == [(0, 1), (0, 2), (1, 0), (2, 0)]


@pytest.mark.slow
def test_a_large_table_is_read_at_once(tmp_path, monkeypatch):
    edges = np.random.default_rng(0).integers(0, 200_000, (300_000, 2))
    np.savetxt(tmp_path / "edges.csv", edges, "%d", ",")
    rows, read = [], pyarrow.csv.read_csv

    def spied(*args, **options):
        table = read(*args, **options)
        rows.append(table.num_rows)
        return table

    monkeypatch.setattr(pyarrow.csv, "read_csv", spied)
    graph = data.load(f"edges:{tmp_path / 'edges.csv'}")
    # However many the lines: a few to tell what they are, and all of them once.
    assert rows == [999, 300_000]
    assert graph.nodes == len(np.unique(edges))


def test_the_layout_of_the_tu_collection(tmp_path):
    for name, text in {
        "A": "1, 2\n2, 1\n3, 4\n",
        "graph_indicator": "1\n1\n2\n2\n2\n",
        "graph_labels": "-1\n1\n",
        "node_labels": "0\n7\n0\n0\n7\n",
        "node_attributes": "0.5, 1\n1.5, 2\n2.5, 3\n3.5, 4\n4.5, 5\n",
        "edge_labels": "1\n1\n0\n",
    }.items():
        (tmp_path / f"PAIR_{name}.txt").write_text(text)
    with pytest.warns(UserWarning, match="not used: PAIR_edge_labels.txt"):
        graphs = data.load(f"tu:{tmp_path}")
    assert graphs.graph_ids.tolist() == [0, 0, 1, 1, 1]
    assert graphs.graph_labels.tolist() == [0, 1]
    assert graphs.class_names == ("-1", "1")
    assert graphs.features[1].tolist() == [0, 1, 1.5, 2]
    assert graphs.edges.tolist() == [[1, 0], [0, 1], [3, 2], [2, 3]]
    (tmp_path / "PAIR_graph_indicator.txt").write_text("1\n1\n2\n")
    with pytest.raises(ValueError, match=r"nodes 1\.\.3.*PAIR_A\.txt"):
        data.load(f"tu:{tmp_path}")
