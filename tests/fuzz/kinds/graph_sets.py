# SPDX-License-Identifier: Apache-2.0
"""Sets of graphs: text of the TU collection, pickles of Planetoid."""

import pickle
from pathlib import Path

import numpy as np
import scipy.sparse

from cl_keras import data
from fuzz.kind import Kind, damaged, files
from fuzz.kinds.graphs import said

TU = b"2\n2 0\n0 1 1\n0 1 0\n2 1\n1 1 1\n0 1 0\n"


def read_tu(place: Path) -> str:
    return said(data.load(f"tu:{place / 'a.txt'}"))


def tus() -> dict[str, bytes]:
    return damaged(TU) | {
        "a billion graphs": b"1000000000" + TU[1:],
        "a negative number of graphs": b"-1" + TU[1:],
        "no graphs": b"0\n",
        "a graph of a billion nodes": TU.replace(b"2 0\n", b"1000000000 0\n"),
        "a graph of no nodes": TU.replace(b"2 0\n", b"0 0\n"),
        "a neighbour that is not there": TU.replace(b"0 1 1\n", b"0 1 9\n", 1),
        "a negative neighbour": TU.replace(b"0 1 1\n", b"0 1 -1\n", 1),
        "more neighbours than it says": TU.replace(b"0 1 1\n", b"0 5 1\n", 1),
        "a negative number of neighbours": TU.replace(b"0 1 1\n", b"0 -1 1\n", 1),
        "a tag beyond 64 bits": TU.replace(b"0 1 1\n", b"9" * 30 + b" 1 1\n", 1),
        "a number of 10,000 digits": TU.replace(
            b"0 1 1\n", b"9" * 10_000 + b" 1 1\n", 1
        ),
        "a tag that is text": TU.replace(b"0 1 1\n", b"x 1 1\n", 1),
        "attributes of NaN": TU.replace(b"\n0 1 1\n", b"\n0 1 1 nan\n", 1),
        "lines left over": TU + b"3 3 3\n",
        "Latin-1": b"2\n\xe4 0\n",
        "digits of another script": "٢\n٢ ٠\n".encode(),
    }


def tu_folders() -> list[Kind]:
    good = {"A": "1, 2\n2, 1\n3, 4\n4, 3\n", "graph_indicator": "1\n1\n2\n2\n"}
    good |= {"graph_labels": "0\n1\n", "node_labels": "0\n1\n0\n1\n"}

    def kind(damage: str, **changes: str | None) -> Kind:
        def make(place: Path) -> None:
            for part, text in (good | changes).items():
                if text is not None:
                    (place / f"S_{part}.txt").write_text(text)

        name = next(iter(changes))
        return Kind(
            "TU folder",
            damage,
            make,
            lambda p: said(data.load(f"tu:{p}")),
            (name, "tu:S"),
        )

    return [
        kind("no edges", A=""),
        kind("edges of three columns", A="1, 2, 3\n"),
        kind("edges of one column", A="1\n2\n"),
        kind("an edge to node 0", A="0, 1\n"),
        kind("an edge to a node that is not there", A="1, 9\n"),
        kind("edges that are text", A="a, b\n"),
        kind("edges beyond 64 bits", A="1, 99999999999999999999\n"),
        kind("graphs that go back", graph_indicator="1\n2\n1\n2\n"),
        kind("a billionth graph", graph_indicator="1\n1\n2\n1000000000\n"),
        kind("graph 0", graph_indicator="0\n0\n1\n1\n"),
        kind("no graphs", graph_indicator=None),
        kind("labels that are text", graph_labels="a\nb\n"),
        kind("labels of NaN", graph_labels="nan\nnan\n"),
        kind("too few labels of nodes", node_labels="0\n1\n"),
        kind("labels of nodes in two lengths", node_labels="0\n1, 2\n0\n1\n"),
        kind("a billion as a label of nodes", node_labels="0\n1000000000\n0\n1\n"),
        kind("attributes of NaN", node_attributes="nan\nnan\nnan\nnan\n"),
        kind("attributes that are text", node_attributes="a\nb\nc\nd\n"),
    ]


class Code:
    """A pickle of it would run a command."""

    def __reduce__(self):
        import os

        return os.system, ("touch ran",)


def planetoid(**changes: object) -> object:
    """Writes the eight files of a small citation graph."""

    def make(place: Path) -> None:
        nodes, rng = 520, np.random.default_rng(0)
        x = scipy.sparse.csr_matrix(rng.integers(0, 2, (nodes, 4)).astype(np.float32))
        y = np.eye(2, dtype=np.int32)[rng.integers(0, 2, nodes)]
        parts = {"x": x[:4], "y": y[:4], "allx": x[:510], "ally": y[:510]}
        parts |= {"tx": x[510:], "ty": y[510:]}
        parts["graph"] = {i: [(i + 1) % nodes] for i in range(nodes)}
        for name, value in (parts | changes).items():
            content = value if isinstance(value, bytes) else pickle.dumps(value, 2)
            (place / f"ind.s.{name}").write_bytes(content)
        (place / "ind.s.test.index").write_bytes(
            changes.get("test.index", "\n".join(map(str, range(510, nodes))).encode())
        )

    return make


def read_planetoid(place: Path) -> str:
    return said(data.load_planetoid(place, "s"))


def planetoids() -> list[Kind]:
    def kind(damage: str, part: str, value: object, names: str = "") -> Kind:
        make = planetoid(**{part: value})
        return Kind("Planetoid", damage, make, read_planetoid, names or f"ind.s.{part}")

    good = pickle.dumps({0: [1], 1: [0]}, 2)
    eye = scipy.sparse.csr_matrix(np.eye(4, dtype=np.float32))
    bad = eye.copy()
    bad.indices[1] = 77
    return [
        *(kind(f"graph: {name}", "graph", x, "s") for name, x in damaged(good).items()),
        kind("a command in the graph", "graph", Code()),
        kind("a command among the features", "allx", [Code()]),
        kind("eval in protocol 0", "y", b"cbuiltins\neval\n(S'1+1'\ntR."),
        kind("a function in protocol 4", "y", b"\x80\x04\x8c\x02os\x8c\x06system\x93."),
        kind("a persistent object", "y", b"P1\n."),
        kind("a registered extension", "y", b"\x80\x02\x82\x01."),
        kind("an array of objects", "y", np.array([[{}]], object)),
        kind("an array of text", "y", np.array([["a"]])),
        kind("an array of 4 TB", "y", _large_array()),
        kind("a matrix with a column that is not there", "x", bad),
        kind("a matrix of another kind", "x", eye.tocoo()),
        kind(
            "nested 100,000 deep",
            "y",
            b"\x80\x02" + b"(" * 0 + b"]" * 1 + b"\x85" * 10**5 + b".",
        ),
        kind("a list that holds itself", "graph", b"\x80\x02]q\0h\0a."),
        kind("a number of 100,000 digits", "graph", b"I" + b"9" * 10**5 + b"\n."),
        kind(
            "a text of 4 GB that is not there", "graph", b"\x80\x02X\xff\xff\xff\xffa."
        ),
        kind("a graph of text", "graph", {"a": ["b"]}, "'s'"),
        kind("a graph of numbers", "graph", {0: 1}, "'s'"),
        kind("a graph with a node that is not there", "graph", {0: [9999]}, "s"),
        kind("a graph with a negative node", "graph", {0: [-5]}, "s"),
        kind("a graph that is a list", "graph", [1], "'s'"),
        kind("another number of classes", "ty", np.ones((10, 3), np.int32), "'s'"),
        kind("too few rows", "ally", np.ones((5, 2), np.int32), "'s'"),
        kind("labels of one axis", "y", np.ones(4, np.int32), "'s'"),
        kind(
            "features of NaN",
            "allx",
            scipy.sparse.csr_matrix(np.full((510, 4), np.nan)),
            "s",
        ),
        kind("test nodes that are text", "test.index", b"a\nb\n"),
        kind("a test node twice", "test.index", b"510\n510\n"),
        kind("a test node beyond 64 bits", "test.index", b"9" * 30),
        kind(
            "a trillionth test node",
            "test.index",
            b"\n".join([*(str(n).encode() for n in range(510, 519)), b"1000000000000"]),
            "s",
        ),
        kind("a negative test node", "test.index", b"-1\n"),
    ]


LABELS = pickle.dumps(np.zeros((3, 2), np.int32), 2)


def _large_array() -> bytes:
    """The pickle of an array whose shape is larger than its bytes."""
    return LABELS.replace(b"K\x03K\x02\x86", b"\x8a\x06" + bytes(5) + b"\x04K\x02\x86")


def kinds() -> list[Kind]:
    return [*files("TU text", "a.txt", tus(), read_tu), *tu_folders(), *planetoids()]
