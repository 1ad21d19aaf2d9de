# SPDX-License-Identifier: Apache-2.0
"""The signature that takes serialized GraphTensors."""

from __future__ import annotations

import os

import keras
import tensorflow as tf

from cl_keras import artifact, gnn
from cl_keras.export.signatures.floats import embed
from cl_keras.export.signatures.options import Options
from cl_keras.export.signatures.signature import STRINGS, Facts, Signature, Tensors
from cl_keras.specification import Specification

#: Name of the signature and of its input.
SIGNATURE = INPUT = "graph_tensor"
#: Its outputs beside `embedding`.
MEAN, NODES = "graph_embedding", "nodes"


def layout_for(spec: Specification, schema: gnn.Layout | gnn.Schema) -> gnn.Layout:
    """Returns where an encoder's graph is in the GraphTensors of a schema.

    Args:
        spec: The encoder's specification.
        schema: A `cl_keras.gnn.Layout`, a `GraphSchema`, or the path of one.

    Returns:
        The layout.

    Raises:
        ValueError: If it is no graph encoder, the schema leaves a choice, or its
            features are not as wide as the encoder's.
    """
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


def build(
    encoder: keras.Model, spec: Specification, options: Options
) -> Signature | None:
    """Builds the signature.

    A server may put requests together and take them apart by rows, so all outputs
    have a row for each graph; the rows of nodes are filled up with zeros.

    Args:
        encoder: The encoder.
        spec: Its specification.
        options: Where the graph is in the GraphTensors.

    Returns:
        The signature, or None if it is not wanted.
    """
    parts = options.graph
    if parts is None:
        return None

    def function(inputs: Tensors) -> Tensors:
        count = tf.shape(inputs[INPUT])[0]
        graph = gnn.parse(inputs[INPUT], parts)
        place = graph.pop("graph")
        rows = embed(encoder, graph)
        sizes = tf.math.unsorted_segment_sum(tf.ones_like(place), place, count)
        ragged = tf.RaggedTensor.from_row_lengths(rows, sizes, validate=False)
        return {
            artifact.OUTPUT: ragged.to_tensor(),
            MEAN: tf.math.unsorted_segment_mean(rows, place, count),
            NODES: sizes,
        }

    outputs: Facts = {
        artifact.OUTPUT: {"dtype": "float32", "shape": [None, None, spec.features]},
        MEAN: {"dtype": "float32", "shape": [None, spec.features]},
        NODES: {"dtype": "int32", "shape": [None]},
    }
    facts = {INPUT: parts.facts()}
    return Signature(SIGNATURE, {INPUT: STRINGS}, outputs, function, facts)
