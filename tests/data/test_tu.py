# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from cl_keras import data


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "graphs", "tags", "classes"),
    [("MUTAG", 188, 9, 2), ("PTC", 344, 19, 2), ("PROTEINS", 1113, 3, 2)],
)
def test_real_sets(real_data, name, graphs, tags, classes):
    found = data.load_tu(real_data / "tu" / f"{name}.txt")
    lines = (real_data / "tu" / f"{name}.txt").read_text().split("\n")
    assert found.graphs == graphs == int(lines[0]) and found.name == f"tu:{name}"
    assert len(found.class_names) == classes
    np.testing.assert_array_equal(found.features.sum(axis=1), 1.0)
    assert found.shape == (len({line.split()[0] for line in nodes(lines)}),) == (tags,)
    sizes = np.bincount(found.graph_ids)
    assert sizes[0] == int(lines[1].split()[0])
    pairs = set(map(tuple, found.edges))
    assert all((b, a) in pairs for a, b in pairs)


def nodes(lines):
    line = 1
    while line < len(lines) and lines[line]:
        count = int(lines[line].split()[0])
        yield from lines[line + 1 : line + 1 + count]
        line += count + 1


def test_attributes_and_one_way_edges(tmp_path):
    (tmp_path / "two.txt").write_text(
        "2\n2 -1\n0 1 1 0.5 2\n0 0 1 1\n3 1\n4 1 0 3 3\n4 1 0 1 1\n0 0 0 0\n\n"
    )
    graphs = data.load_tu(tmp_path / "two.txt")
    assert graphs.features[0].tolist() == [1.0, 0.0, 0.5, 2.0]
    assert graphs.graph_ids.tolist() == [0, 0, 1, 1, 1]
    assert graphs.graph_labels.tolist() == [0, 1]
    assert graphs.class_names == ("-1", "1")
    assert sorted(map(tuple, graphs.edges)) == [(0, 1), (1, 0), (2, 3), (3, 2)]
    assert graphs.self_loops == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "number of graphs in line 1"),
        ("x\n", "line 1"),
        ("1\n2\n", "`nodes label` in line 2"),
        ("1\n2 0\n0 1 1\n", "line 4"),
        ("1\n2 0\n0 1 2\n0 0\n", r"neighbours 0..1 in line 3"),
        ("1\n2 0\n0 2 1\n0 0\n", "as the node's degree in line 3"),
        ("1\n2 0\n0 0\n0 0 1.5\n", "as many attributes"),
        ("1\n1 0\n0 0\n7 7\n", "end after the last graph in line 4"),
        ("1\n1 0\nzero 0\n", "line 3"),
    ],
)
def test_wrong_files_are_named(text, message, tmp_path):
    (tmp_path / "bad.txt").write_text(text)
    with pytest.raises(ValueError, match=message):
        data.load_tu(tmp_path / "bad.txt")
    with pytest.raises(ValueError, match="Cannot read"):
        data.load_tu(tmp_path / "none.txt")
