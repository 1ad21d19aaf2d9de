# SPDX-License-Identifier: Apache-2.0
"""Bytes that are no graph."""

import numpy as np
import tensorflow as tf


def without(record, prefix):
    example = tf.train.Example.FromString(record)
    for key in [k for k in example.features.feature if k.startswith(prefix)]:
        del example.features.feature[key]
    return example.SerializeToString()


def example_of(**fields):
    example = tf.train.Example()
    for key, values in fields.items():
        example.features.feature[key].int64_list.value.extend(values)
    return example.SerializeToString()


def no_graphs(sent):
    """Bytes that TF-GNN reads as a graph without nodes, or without edges."""
    large = {"nodes/nodes.#size": [2**32], "edges/edges.#size": [2**32]}
    return {
        "junk": b"junk",
        "nothing": b"",
        "PNG": tf.io.encode_png(np.zeros((4, 4, 3), np.uint8)).numpy(),
        "text": b"node,label\n0,1\n",
        "other Example": example_of(label=[3]),
        "Example without fields": example_of(),
        "no edges": without(sent[0], "edges/"),
        "no nodes": without(sent[0], "nodes/"),
        "no size of edges": without(sent[1], "edges/edges.#size"),
        "no sources": without(sent[0], "edges/edges.#source"),
        "no features": without(sent[0], "nodes/nodes.features"),
        "more nodes than there can be": example_of(**large),
        "other node set": sent[0].replace(b"nodes/nodes", b"nodes/users"),
    }
