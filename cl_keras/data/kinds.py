# SPDX-License-Identifier: Apache-2.0
"""The kinds of data that a data string can name: the first half of the grammar."""

from __future__ import annotations

from typing import NamedTuple


class Kind(NamedTuple):
    """A kind of data, in one line."""

    modality: str  # A folder of recordings is found by looking.
    rest: str  # What follows the colon; empty where nothing does.
    summary: str


# Standard library only: the command line completes these names without TensorFlow.
KINDS: dict[str, Kind] = {
    "digits": Kind("image", "", "scikit-learn's scans of handwritten digits"),
    "scattered_digits": Kind(
        "image", "", "these scans at random places, sizes and angles"
    ),
    "folder": Kind("image", "PATH", "images, or WAV, FLAC or OGG recordings"),
    "npz": Kind("image", "PATH", "arrays `images` and `labels`"),
    "tfds": Kind("image", "NAME[:SPLIT]", "a set of TensorFlow Datasets"),
    "tfrecord": Kind("image", "PATH", "images or recordings in tf.train.Examples"),
    "csv": Kind("audio", "PATH", "time series in CSV files"),
    "pairs": Kind("pair", "A.npz,B.npz", "pairs of arrays, of files or of series"),
    "edges": Kind("graph", "PATH", "a table of edges, or a folder with edges.csv"),
    "graph": Kind("graph", "PATH", "GraphTensor records with their schema"),
    "planetoid": Kind("graph", "NAME", "cora, citeseer or pubmed"),
    "tu": Kind("graph", "NAME", "a set of graphs, such as MUTAG"),
}
# What may follow `pairs:` but for two arrays: what follows that, and a line.
PAIRS: dict[str, tuple[str, str]] = {
    "folder": ("A,B", "files of two folders that have the same name"),
    "table": ("FILE", "files that two columns of a table name"),
    "csv": ("PATH", "time series in CSV files"),
}
