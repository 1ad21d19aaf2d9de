# SPDX-License-Identifier: Apache-2.0
"""The signature that takes serialized GraphTensors."""

from __future__ import annotations

import os

import tensorflow as tf

from cl_keras import artifact, gnn
from cl_keras.export.signatures.features import Encode
from cl_keras.export.signatures.options import Options
from cl_keras.export.signatures.rows import masked
from cl_keras.export.signatures.signature import (
    STRINGS,
    VALID,
    Facts,
    Signature,
    Tensors,
)
from cl_keras.preprocessing.good_rows import good_rows
from cl_keras.specification import Specification

#: Name of the signature and of its input.
SIGNATURE, INPUT = artifact.GRAPH_SIGNATURE, artifact.GRAPH_INPUT
#: Its outputs beside `embedding`.
MEAN, NODES = "graph_embedding", "nodes"


def layout_for(spec: Specification, schema: gnn.Layout | gnn.Schema) -> gnn.Layout:
    """Returns where an encoder's graph is in the GraphTensors of a schema."""
    if spec.modality != "graph":
        raise ValueError(
            "Expected `graph_schema` with a graph encoder only, one with the inputs "
            f"'features' and 'edges'. Received: an encoder of {spec.shape}"
        )
    parts = schema if isinstance(schema, gnn.Layout) else gnn.layout(schema)
    if parts.width != spec.shape[0]:
        where = os.fspath(schema) if isinstance(schema, str | os.PathLike) else "schema"
        raise ValueError(
            f"Expected node features of width {spec.shape[0]}, as the encoder's. "
            f"Received: {parts.width} in {where}, features {parts.features}"
        )
    return parts


def build(encode: Encode, spec: Specification, options: Options) -> list[Signature]:
    """Builds the signature.

    A server may put requests together and take them apart by rows, so all outputs
    have a row for each graph; the rows of nodes are filled up with zeros.
    """
    parts = options.graph
    if parts is None:
        return []
    masks = options.on_error == "mask"

    def function(inputs: Tensors) -> Tensors:
        examples = inputs[INPUT]
        if not masks:
            return _embed(encode, examples, parts)
        # Each is tried by itself; then those that can be read are read together, and
        # in place of each other one a graph without nodes.
        _, valid = good_rows(examples, lambda example: _try(example, parts))
        readable = tf.where(valid, examples, _no_nodes(parts))
        return masked(_embed(encode, readable, parts), valid)

    outputs: Facts = {
        artifact.OUTPUT: {"dtype": "float32", "shape": [None, None, spec.features]},
        MEAN: {"dtype": "float32", "shape": [None, spec.features]},
        NODES: {"dtype": "int32", "shape": [None]},
    }
    if masks:
        outputs[artifact.VALID] = VALID
    facts = {INPUT: parts.facts(), "on_error": options.on_error}
    return [Signature(SIGNATURE, {INPUT: STRINGS}, outputs, function, facts)]


def _embed(encode: Encode, examples: tf.Tensor, parts: gnn.Layout) -> Tensors:
    count = tf.shape(examples)[0]
    graph = gnn.parse(examples, parts)
    owner = graph.pop("graph")
    rows = encode(graph)
    sizes = tf.math.unsorted_segment_sum(tf.ones_like(owner), owner, count)
    ragged = tf.RaggedTensor.from_row_lengths(rows, sizes, validate=False)
    return {
        artifact.OUTPUT: ragged.to_tensor(),
        MEAN: tf.math.unsorted_segment_mean(rows, owner, count),
        NODES: sizes,
    }


def _no_nodes(parts: gnn.Layout) -> bytes:
    """The record of a graph without nodes."""
    example = tf.train.Example()
    for key in gnn.size_keys(parts):
        example.features.feature[key].int64_list.value.append(0)
    content: bytes = example.SerializeToString()
    return content


def _try(example: tf.Tensor, parts: gnn.Layout) -> tf.Tensor:
    """Fails for a graph that cannot be read, or has features that are not finite."""
    graph = gnn.parse(example[tf.newaxis], parts)
    finite = tf.reduce_all(tf.math.is_finite(graph["features"]))
    check = tf.debugging.Assert(finite, ["Expected finite features of nodes."])
    with tf.control_dependencies([check, graph["edges"]]):
        return tf.constant(True)
