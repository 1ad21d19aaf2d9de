# SPDX-License-Identifier: Apache-2.0
"""Graphs in memory as GraphTensors, and as TFRecord files of them with a schema.

The functions here need the extra `graph`; importing this file does not.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from cl_keras import gnn
from cl_keras.data.graphs.graph_data import GraphData

if TYPE_CHECKING:
    import tensorflow_gnn as tfgnn

SCHEMA_FILE = "schema.pbtxt"
NODE_SET, EDGE_SET = "nodes", "edges"
FEATURES, LABEL, SPLIT = "features", "label", "split"
#: Key of the note in the schema that holds the names as JSON.
CLASS_NAMES = "class_names"
# A protocol buffer cannot be longer.
_LARGEST = 2**31 - 1


def to_graph_tensor(data: GraphData) -> tfgnn.GraphTensor:
    """Turns graphs in memory into a GraphTensor.

    Args:
        data: The graphs; sparse features become dense.

    Returns:
        A scalar `tensorflow_gnn.GraphTensor` with node set `nodes` (feature
        `features`, and `label` and `split` where there are any), edge set `edges`,
        and a component for each graph (context feature `label` where known).

    Raises:
        ImportError: If TensorFlow GNN cannot be imported.

    Example:
    >>> to_graph_tensor(graph).node_sets["nodes"].sizes  # doctest: +SKIP
    <tf.Tensor: shape=(1,), dtype=int32, numpy=array([2708], dtype=int32)>
    """
    bounds, edge_bounds = data.bounds()
    return _graph_tensor(
        data.dense_features(),
        data.edges,
        _node_fields(data),
        data.graph_labels,
        np.diff(bounds),
        np.diff(edge_bounds),
    )


def _node_fields(data: GraphData) -> dict[str, np.ndarray]:
    fields: dict[str, np.ndarray] = {}
    if data.labels is not None:
        fields[LABEL] = data.labels
    if data.splits:
        names = np.full(data.nodes, b"", object)
        for name, part in data.splits.items():
            names[part] = name.encode()
        fields[SPLIT] = names
    return fields


def _graph_tensor(
    features: np.ndarray,
    edges: np.ndarray,
    fields: dict[str, np.ndarray],
    graph_labels: np.ndarray | None,
    sizes: np.ndarray,
    edge_sizes: np.ndarray,
) -> Any:
    return gnn.load().homogeneous(
        source=tf.constant(edges[:, 0], tf.int32),
        target=tf.constant(edges[:, 1], tf.int32),
        node_features={
            FEATURES: tf.constant(features),
            **{name: tf.constant(values) for name, values in fields.items()},
        },
        context_features=(
            None if graph_labels is None else {LABEL: tf.constant(graph_labels)}
        ),
        node_set_name=NODE_SET,
        edge_set_name=EDGE_SET,
        node_set_sizes=tf.constant(sizes, tf.int32),
        edge_set_sizes=tf.constant(edge_sizes, tf.int32),
    )


def write_graph_tensors(
    data: GraphData, folder: str | os.PathLike[str], *, shards: int = 1
) -> Path:
    """Writes graphs as GraphTensor records and their schema.

    Args:
        data: The graphs; sparse features become dense.
        folder: Where to write `schema.pbtxt` and `graphs-00000-of-00001.tfrecord`;
            created if needed. It must not hold records already.
        shards: Number of TFRecord files.

    Returns:
        The folder.

    Raises:
        ValueError: If `shards` is not positive or more than there are graphs, the
            folder holds records, or a graph is too large for a record (2 GiB): then
            sample subgraphs of it.
        ImportError: If TensorFlow GNN cannot be imported.

    Example:
    >>> write_graph_tensors(graphs, "mutag")  # doctest: +SKIP
    PosixPath('mutag')
    """
    tfgnn = gnn.load()
    folder = Path(folder)
    if not 1 <= shards <= data.graphs:
        raise ValueError(
            f"Expected `shards` from 1 to the number of graphs, {data.graphs}. "
            f"Received: shards={shards}"
        )
    if any(folder.glob("*.tfrecord*")):
        raise ValueError(f"Expected a folder without records. Received: {folder}")
    folder.mkdir(parents=True, exist_ok=True)
    paths = [
        folder / f"graphs-{shard:05d}-of-{shards:05d}.tfrecord"
        for shard in range(shards)
    ]
    writers = [tf.io.TFRecordWriter(str(path)) for path in paths]
    spec = None
    try:
        for number, graph in enumerate(_single_graphs(data)):
            if spec is None:
                spec = graph.spec.relax(num_nodes=True, num_edges=True)
            # Neighbouring graphs stay together, so that reading keeps their order.
            shard = number * shards // data.graphs
            writers[shard].write(tfgnn.write_example(graph).SerializeToString())
    finally:
        for writer in writers:
            writer.close()
    schema = tfgnn.create_schema_pb_from_graph_spec(spec)
    if data.class_names is not None:
        note = schema.node_sets[NODE_SET].metadata.extra.add()
        note.key, note.value = CLASS_NAMES, json.dumps(list(data.class_names))
    tfgnn.write_schema(schema, str(folder / SCHEMA_FILE))
    return folder


def _single_graphs(data: GraphData) -> Iterator[Any]:
    """Each graph as a GraphTensor of one component."""
    bounds, edge_bounds = data.bounds()
    fields = _node_fields(data)
    for graph in range(data.graphs):
        nodes = slice(bounds[graph], bounds[graph + 1])
        edges = data.edges[edge_bounds[graph] : edge_bounds[graph + 1]]
        count = nodes.stop - nodes.start
        # Indices take up to five bytes, features four.
        size = 4 * count * data.shape[0] + 10 * len(edges) + 64 * count
        if size > _LARGEST:
            raise ValueError(
                f"Expected graphs of up to 2 GiB as a record; sample subgraphs "
                f"instead. Received: {count} nodes with {data.shape[0]} features, "
                f"{size / 2**30:.1f} GiB"
            )
        labels = data.graph_labels
        yield _graph_tensor(
            data.dense_features(nodes),
            edges - nodes.start,
            {name: values[nodes] for name, values in fields.items()},
            None if labels is None else labels[graph : graph + 1],
            np.array([count]),
            np.array([len(edges)]),
        )
