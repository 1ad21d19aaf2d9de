# SPDX-License-Identifier: Apache-2.0
"""GraphTensor records and their schema."""

import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np

from cl_keras import data
from fuzz.kind import Kind, damaged, files
from fuzz.kinds.records import GOOD, example, framed

SCHEMA = """
context { features { key: "label" value { dtype: DT_INT64 } } }
node_sets { key: "nodes" value {
  features { key: "x" value { dtype: DT_FLOAT shape { dim { size: 2 } } } } } }
edge_sets { key: "edges" value { source: "nodes" target: "nodes" } }
"""


def graph(sources=(0, 1), targets=(1, 2), nodes=3, edges=2, x=None, **more) -> bytes:
    fields = {
        "nodes__nodes.#size": nodes,
        "nodes__nodes.x": [float(i) for i in range(6)] if x is None else x,
        "edges__edges.#size": edges,
        "edges__edges.#source": list(sources),
        "edges__edges.#target": list(targets),
        "context__label": 1,
    } | more
    return example(**{k: v for k, v in fields.items() if v is not None})


def read_graphs(place: Path) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = data.load(f"graph:{place}")
    if not np.isfinite(found.features).all():
        raise ArithmeticError("features that are not finite")
    return f"{found.graphs} graphs, {found.nodes} nodes, {len(found.edges)} edges"


def graph_records() -> dict[str, object]:
    def one(**changes):
        return lambda: framed(graph(**changes), graph())

    whole = framed(graph(), graph())
    texts = {key: value for key, value in damaged(whole).items() if key != "one byte"}
    return texts | {
        "no nodes": lambda: framed(example(**{"nodes__nodes.#size": 0}), graph()),
        "fewer nodes than features": one(nodes=2),
        "more nodes than features": one(nodes=4),
        "a negative number of nodes": one(nodes=-3),
        "4 billion nodes": one(nodes=2**32),
        "an edge to a node that is not there": one(targets=(1, 3)),
        "an edge from a negative node": one(sources=(-1, 1)),
        "an edge without end": one(targets=(1,)),
        "more edges than it says": one(edges=1),
        "no number of nodes": one(**{"nodes__nodes.#size": None}),
        "numbers of nodes that are text": one(**{"nodes__nodes.#size": b"3"}),
        "edges that are fractions": one(**{"edges__edges.#source": [0.5, 1.0]}),
        "features of NaN": one(x=[float("nan")] * 6),
        "features of infinity": one(x=[float("inf")] * 6),
        "features that are text": one(x=[b"a"] * 6),
        "no label": one(context__label=None),
        "a label of minus 5": one(context__label=-5),
        "an image in place of a graph": lambda: framed(GOOD),
        "no record": lambda: b"",
    }


def schemas() -> dict[str, bytes]:
    text = SCHEMA.encode()
    return {
        "empty": b"",
        "cut in half": text[:120],
        "binary": bytes(range(256)),
        "no node set": b'edge_sets { key: "edges" value { source: "a" target: "a" } }',
        "an edge to a set that is not there": text.replace(
            b'target: "nodes"', b'target: "q"'
        ),
        "two features to choose from": text.replace(
            b'node_sets { key: "nodes" value {',
            b'node_sets { key: "nodes" value { features { key: "y" value { dtype: '
            b"DT_FLOAT shape { dim { size: 1 } } } }",
        ),
        "a negative width": text.replace(b"size: 2", b"size: -2"),
        "2 billion columns": text.replace(b"size: 2", b"size: 2000000000"),
        "another width than the records'": text.replace(b"size: 2", b"size: 3"),
        "features of text": text.replace(b"DT_FLOAT", b"DT_STRING"),
        "features of a type that nobody has": text.replace(b"DT_FLOAT", b"DT_SMELL"),
        "a label that is text": text.replace(b"DT_INT64", b"DT_STRING"),
        "nested 5,000 deep": b"context { features { " * 2500 + b"} }" * 2500,
        "a web page": b"<!DOCTYPE html>",
    }


def beside_schema(place: Path) -> None:
    (place / "graph.pbtxt").write_text(SCHEMA)


def kinds() -> list[Kind]:
    def some(place: Path) -> None:
        (place / "a.tfrecord").write_bytes(framed(graph(), graph()))

    def of(format: str, file: str, contents: dict, beside: Callable) -> list[Kind]:
        return files(format, file, contents, read_graphs, beside=beside, names=".")

    return [
        *of("GraphTensor", "a.tfrecord", graph_records(), beside_schema),
        *of("GraphSchema", "graph.pbtxt", schemas(), some),
    ]
