# SPDX-License-Identifier: Apache-2.0
"""Images, recordings and graphs by name, and tf.data pipelines of them."""

from cl_keras.data.audio import load_audio
from cl_keras.data.edge_list import load_edge_list
from cl_keras.data.graph_batches import graph_batches, whole_graph
from cl_keras.data.graph_data import GraphData
from cl_keras.data.graph_sampling import rooted_subgraphs, write_sampler_input
from cl_keras.data.graph_tensor import graph_tensor_batches, load_graph_tensors
from cl_keras.data.graph_writer import to_graph_tensor, write_graph_tensors
from cl_keras.data.image_data import ImageData
from cl_keras.data.pipelines import batches, one_view, two_views
from cl_keras.data.planetoid import load_planetoid
from cl_keras.data.sequence_data import SequenceData
from cl_keras.data.sources import load, load_sequence_splits, load_splits
from cl_keras.data.spec import modality
from cl_keras.data.subgraphs import sampled_subgraphs
from cl_keras.data.tu import load_tu
from cl_keras.data.windows import windows

__all__ = [
    "GraphData",
    "ImageData",
    "SequenceData",
    "batches",
    "graph_batches",
    "graph_tensor_batches",
    "load",
    "load_audio",
    "load_edge_list",
    "load_graph_tensors",
    "load_planetoid",
    "load_sequence_splits",
    "load_splits",
    "load_tu",
    "modality",
    "one_view",
    "rooted_subgraphs",
    "sampled_subgraphs",
    "to_graph_tensor",
    "two_views",
    "whole_graph",
    "windows",
    "write_graph_tensors",
    "write_sampler_input",
]
