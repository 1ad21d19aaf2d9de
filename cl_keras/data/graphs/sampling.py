# SPDX-License-Identifier: Apache-2.0
r"""Subgraphs around nodes, drawn by TensorFlow GNN's sampler.

`rooted_subgraphs` draws from a graph in memory. For a graph larger than memory, the
same sampler runs on Apache Beam, as TF-GNN's own command, and writes GraphTensor
records. It reads a folder of tables as `write_sampler_input` writes it:
`schema.pbtxt`, which names the tables and their columns, `nodes.tfrecord` (`#id` and
features), `edges.tfrecord` (`#source` and `#target`), and `sampling_spec.pbtxt`. Tables
may be in shards (`nodes.tfrecord@100`) or CSV files, too.

    pip install "cl-keras[graph,beam]"
    TF_USE_LEGACY_KERAS=1 tfgnn_sampler \
        --graph_schema=tables/schema.pbtxt --data_path=tables \
        --sampling_spec=tables/sampling_spec.pbtxt \
        --output_samples=samples/graphs.tfrecord@10 \
        --runner=DirectRunner --update_compatibility_version=2.68.0
    cp tables/schema.pbtxt samples/

`--runner=DataflowRunner` and Beam's own options run it in a cluster; `--input_seeds`
names a table of the nodes to sample around. `--update_compatibility_version` keeps
newer versions of Beam from handing the pipeline to Prism, on which TF-GNN's authors
saw the sampler fail. Then

    layout = gnn.layout("samples/schema.pbtxt", receiver="source")
    graph_tensor_batches("samples", 64, layout=layout, rooted=True)

The functions here need the extra `graph`; importing this file does not.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from cl_keras import check, gnn
from cl_keras.data.graphs.batches import Batch
from cl_keras.data.graphs.graph_data import GraphData
from cl_keras.data.graphs.graph_writer import EDGE_SET, FEATURES, NODE_SET, SCHEMA_FILE
from cl_keras.data.graphs.subgraphs import chosen_nodes
from cl_keras.untuned import ahead

SPEC_FILE = "sampling_spec.pbtxt"


def rooted_subgraphs(
    graph: GraphData,
    batch_size: int,
    fan_outs: Sequence[int] = (10, 10),
    *,
    nodes: np.ndarray | None = None,
    shuffle: bool = True,
    seed: int = 0,
    drop_remainder: bool = False,
) -> tf.data.Dataset:
    """Builds a pipeline of subgraphs, one around each node, apart from each other.

    It is what a server sees that is sent a node's neighbourhood. `sampled_subgraphs`
    draws one subgraph around all nodes of a batch together, and needs no TF-GNN.
    From each node at most `fan_outs[0]` of the nodes that send it messages are drawn
    without replacement, from those at most `fan_outs[1]`, and so on.

    Args:
        graph: One graph. Features are kept in memory as a dense array.
        batch_size: Subgraphs in a batch.
        fan_outs: Neighbours at most, from the node outwards: one number a layer of
            the encoder.
        nodes: Numbers of the nodes to sample around; all by default.
        shuffle: Whether to draw a new order for each epoch. Neighbours are drawn
            anew each time either way.
        seed: Seed of order and neighbours.
        drop_remainder: Whether to leave out a last batch that is not full.

    Returns:
        A dataset of dicts: `features` `(n, F)` float32, `edges` `(e, 2)` int32, rows
        (source, target), and `graph` `(n,)` int32, the subgraph a node is in, of all
        subgraphs one after the other; and `target` `(n,)` bool, True for the nodes
        sampled around, the first of each.

    Raises:
        ValueError: If there is a set of graphs, or an argument is out of range.
        ImportError: If TensorFlow GNN cannot be imported.

    Example:
    >>> batches = rooted_subgraphs(graph, 64, (10, 10))  # doctest: +SKIP
    """
    chosen = chosen_nodes(graph, nodes)
    check.at_least(1, batch_size=batch_size)
    pipeline = _sampler(graph, fan_outs, seed)
    parts = gnn.Layout(
        NODE_SET, EDGE_SET, (FEATURES,), graph.shape, ("float32",), receiver="source"
    )

    @tf.autograph.experimental.do_not_convert
    def sample(roots: tf.Tensor) -> Batch:
        subgraphs = pipeline(tf.RaggedTensor.from_tensor(roots[:, tf.newaxis]))
        batch: Batch = gnn.merge(subgraphs, parts)
        before = tf.concat([[-1], batch["graph"][:-1]], axis=0)
        # Ids are numbered as they first appear, sources before targets: root first.
        batch["target"] = tf.not_equal(batch["graph"], before)
        return batch

    dataset = tf.data.Dataset.from_tensor_slices(chosen.astype(np.int64))
    if shuffle:
        dataset = dataset.shuffle(len(chosen), seed=seed)
    dataset = dataset.batch(batch_size, drop_remainder=drop_remainder)
    # One call at a time: the sampler's random numbers come from a running state.
    return ahead(dataset.map(sample))


def _sampler(graph: GraphData, fan_outs: Sequence[int], seed: int) -> Any:
    """TF-GNN's sampling pipeline, from node numbers to subgraphs."""
    sampler = gnn.load("tensorflow_gnn.experimental.sampler")
    # Not its `create_sampling_model_from_spec`: that wraps the same pipeline in a
    # Keras 2 model, which takes as long again to build.
    pipelines = gnn.load("tensorflow_gnn.experimental.sampler.subgraph_pipeline")
    schema = _schema(graph)
    spec = _sampling_spec(schema, fan_outs)
    accessor = sampler.InMemIndexToFeaturesAccessor(
        {FEATURES: graph.dense_features()}, name=NODE_SET
    )
    samplers = {
        # Walks against the edges: from a node to those that send it messages.
        step.op_name: sampler.InMemUniformEdgesSampler(
            num_source_nodes=tf.constant(graph.nodes, tf.int64),
            source=tf.constant(graph.edges[:, 1]),
            target=tf.constant(graph.edges[:, 0]),
            sample_size=step.sample_size,
            edge_set_name=EDGE_SET,
            seed=seed + hop,
        )
        for hop, step in enumerate(spec.sampling_ops)
    }
    return pipelines.SamplingPipeline(
        graph_schema=schema,
        sampling_spec=spec,
        edge_sampler_factory=lambda step: samplers[step.op_name],
        node_features_accessor_factory=lambda node_set: accessor,
    )


def _schema(graph: GraphData) -> Any:
    return gnn.narrow_schema(
        gnn.Layout(NODE_SET, EDGE_SET, (FEATURES,), graph.shape, ("float32",))
    )


def _sampling_spec(schema: Any, fan_outs: Sequence[int]) -> Any:
    fan_outs = [int(fan_out) for fan_out in fan_outs]
    if not fan_outs or min(fan_outs) < 1:
        raise ValueError(f"Expected positive `fan_outs`. Received: fan_outs={fan_outs}")
    builder = gnn.load().sampler.SamplingSpecBuilder(schema)
    return builder.seed(NODE_SET).sample(fan_outs, EDGE_SET).build()


def write_sampler_input(
    graph: GraphData,
    folder: str | os.PathLike[str],
    fan_outs: Sequence[int] = (10, 10),
) -> Path:
    """Writes what TF-GNN's sampler command reads: tables, schema, sampling plan.

    The module's documentation shows the command.

    Args:
        graph: One graph.
        folder: Where to write; created if needed.
        fan_outs: As in `rooted_subgraphs`.

    Returns:
        The folder.

    Raises:
        ValueError: If there is a set of graphs, or a fan-out is not positive.
        ImportError: If TensorFlow GNN cannot be imported.

    Example:
    >>> write_sampler_input(graph, "tables", (10, 10))  # doctest: +SKIP
    PosixPath('tables')
    """
    if graph.graph_ids is not None:
        raise ValueError(f"Expected one graph. Received: a set of {graph.graphs}")
    tfgnn = gnn.load()
    schema = _schema(graph)
    spec = _sampling_spec(schema, fan_outs)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    edges = schema.edge_sets[EDGE_SET]
    schema.node_sets[NODE_SET].metadata.filename = "nodes.tfrecord"
    edges.metadata.filename = "edges.tfrecord"
    # Walked against their direction, as in `rooted_subgraphs`.
    note = edges.metadata.extra.add()
    note.key, note.value = "edge_type", "reversed"
    names = [str(node).encode() for node in range(graph.nodes)]
    with tf.io.TFRecordWriter(str(folder / "nodes.tfrecord")) as writer:
        for node, name in enumerate(names):
            row = graph.dense_features(slice(node, node + 1))
            example = tf.train.Example()
            example.features.feature["#id"].bytes_list.value.append(name)
            example.features.feature[FEATURES].float_list.value.extend(row[0].tolist())
            writer.write(example.SerializeToString())
    with tf.io.TFRecordWriter(str(folder / "edges.tfrecord")) as writer:
        for source, target in graph.edges:
            example = tf.train.Example()
            field = example.features.feature
            field["#source"].bytes_list.value.append(names[source])
            field["#target"].bytes_list.value.append(names[target])
            writer.write(example.SerializeToString())
    tfgnn.write_schema(schema, str(folder / SCHEMA_FILE))
    (folder / SPEC_FILE).write_text(str(spec), encoding="utf-8")
    return folder
