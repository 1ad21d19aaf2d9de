# SPDX-License-Identifier: Apache-2.0
"""GraphTensors as the tensors that graph encoders take."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from cl_keras.gnn.library import load
from cl_keras.gnn.schema import Layout, narrow_schema

# AutoGraph has nothing to do in TF-GNN's functions and takes seconds to find that out:
# whatever calls them in a graph is marked `do_not_convert`.


@tf.autograph.experimental.do_not_convert
def parse(serialized: tf.Tensor, parts: Layout) -> dict[str, tf.Tensor]:
    """Parses serialized GraphTensors into the tensors that graph encoders take.

    Runs inside `tf.data` and in exported signatures.
    """
    tfgnn = load()
    spec = tfgnn.create_graph_spec_from_schema_pb(narrow_schema(parts))
    return merge(tfgnn.parse_example(spec, complete(serialized, parts)), parts)


def size_keys(parts: Layout) -> tuple[str, str]:
    """Names the fields of a record that every graph has: how many nodes and edges."""
    return f"nodes/{parts.node_set}.#size", f"edges/{parts.edge_set}.#size"


def complete(serialized: tf.Tensor, parts: Layout) -> tf.Tensor:
    """Lets records through that say how many nodes and edges they have.

    TF-GNN reads an Example of anything else, and bytes that are none, as a graph
    without nodes.
    """
    keys = size_keys(parts)
    # Not as required fields: TensorFlow leaves out a parser whose values nobody reads.
    absent = tf.io.FixedLenFeature([1], tf.int64, default_value=[-1])
    sizes = tf.io.parse_example(serialized, dict.fromkeys(keys, absent))
    checks = [
        tf.debugging.Assert(
            # TF-GNN keeps sizes in 32 bits, in which 2**32 would be 0.
            tf.reduce_all((sizes[key] >= 0) & (sizes[key] <= tf.int32.max)),
            [f"Expected graphs. Received: a record without a possible {key!r}"],
        )
        for key in keys
    ]
    with tf.control_dependencies(checks):
        return tf.identity(serialized)


@tf.autograph.experimental.do_not_convert
def merge(graphs: Any, parts: Layout) -> dict[str, tf.Tensor]:
    """Puts a batch of GraphTensors one after the other, as one graph's tensors."""
    sizes = tf.cast(
        tf.reduce_sum(graphs.node_sets[parts.node_set].sizes, axis=-1), tf.int32
    )
    nodes = graphs.node_sets[parts.node_set]
    edge_set = graphs.edge_sets[parts.edge_set]
    ends = (edge_set.adjacency.source, edge_set.adjacency.target)
    # Checked before merging: afterwards what is too much or too little in one graph
    # would be another's, and a wrong edge would lead into it.
    checks = [
        _agree(values, of.sizes, f"{what} a graph has are not as many as its #size")
        for what, of, all_values in (
            ("Feature rows", nodes, [nodes[name] for name in parts.features]),
            ("Edges", edge_set, ends),
        )
        for values in all_values
    ]
    checks += [
        tf.debugging.Assert(
            tf.reduce_all(
                (end.values >= 0)
                & (tf.cast(end.values, tf.int32) < tf.repeat(sizes, end.row_lengths()))
            ),
            ["An edge names a node that its graph does not have; nodes:", sizes],
        )
        for end in ends
    ]
    with tf.control_dependencies(checks):
        flat = graphs.merge_batch_to_components()
        nodes = flat.node_sets[parts.node_set]
        adjacency = flat.edge_sets[parts.edge_set].adjacency
        columns = [
            tf.reshape(tf.cast(nodes[name], tf.float32), (-1, width))
            for name, width in zip(parts.features, parts.widths, strict=True)
        ]
        pair = (adjacency.source, adjacency.target)
        if parts.receiver == "source":
            pair = pair[::-1]
        return {
            "features": tf.concat(columns, axis=-1),
            "edges": tf.cast(tf.stack(pair, axis=-1), tf.int32),
            "graph": tf.repeat(tf.range(tf.size(sizes)), sizes),
        }


def _agree(values: tf.RaggedTensor, sizes: tf.Tensor, message: str) -> tf.Operation:
    counts = tf.cast(values.row_lengths(), tf.int32)
    wanted = tf.cast(tf.reduce_sum(sizes, axis=-1), tf.int32)
    return tf.debugging.Assert(
        tf.reduce_all(tf.equal(counts, wanted)), [message, counts, wanted]
    )
