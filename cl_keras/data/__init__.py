# SPDX-License-Identifier: Apache-2.0
"""Images, recordings and graphs by name, and tf.data pipelines of them."""

from cl_keras.data.graphs.batches import graph_batches, whole_graph
from cl_keras.data.graphs.edge_list import load_edge_list
from cl_keras.data.graphs.graph_data import GraphData
from cl_keras.data.graphs.graph_tensor import graph_tensor_batches, load_graph_tensors
from cl_keras.data.graphs.graph_writer import to_graph_tensor, write_graph_tensors
from cl_keras.data.graphs.planetoid import load_planetoid
from cl_keras.data.graphs.sampling import rooted_subgraphs, write_sampler_input
from cl_keras.data.graphs.subgraphs import sampled_subgraphs
from cl_keras.data.graphs.tu import load_tu
from cl_keras.data.images.encoded import EncodedImages, encoded_images
from cl_keras.data.images.image_data import ImageData
from cl_keras.data.images.pipelines import (
    batches,
    encoded_one_view,
    encoded_two_views,
    one_view,
    two_views,
)
from cl_keras.data.images.record_images import RecordImages, record_images
from cl_keras.data.loading import load, load_sequence_splits, load_splits
from cl_keras.data.opening import modality, open
from cl_keras.data.pairs.load_pairs import load_pairs
from cl_keras.data.pairs.pair_data import PairData, pair_batches
from cl_keras.data.records.index import RecordIndex
from cl_keras.data.records.writer import write_records
from cl_keras.data.sequences.audio import load_audio
from cl_keras.data.sequences.csv_series import load_csv
from cl_keras.data.sequences.sequence_data import SequenceData
from cl_keras.data.sequences.windows import windows
from cl_keras.data.service import distribute
from cl_keras.data.source import Source

__all__ = [
    "EncodedImages",
    "GraphData",
    "ImageData",
    "PairData",
    "RecordImages",
    "RecordIndex",
    "SequenceData",
    "Source",
    "batches",
    "distribute",
    "encoded_images",
    "encoded_one_view",
    "encoded_two_views",
    "graph_batches",
    "graph_tensor_batches",
    "load",
    "load_audio",
    "load_csv",
    "load_edge_list",
    "load_graph_tensors",
    "load_pairs",
    "load_planetoid",
    "load_sequence_splits",
    "load_splits",
    "load_tu",
    "modality",
    "one_view",
    "open",
    "pair_batches",
    "record_images",
    "rooted_subgraphs",
    "sampled_subgraphs",
    "to_graph_tensor",
    "two_views",
    "whole_graph",
    "windows",
    "write_graph_tensors",
    "write_records",
    "write_sampler_input",
]
