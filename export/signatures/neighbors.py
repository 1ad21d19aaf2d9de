# SPDX-License-Identifier: Apache-2.0
"""The signatures that search an index which is exported with the encoder."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike

from cl_keras import artifact
from cl_keras.export.signatures.features import Encode, from_inputs, inputs
from cl_keras.export.signatures.options import Options
from cl_keras.export.signatures.reader import Reader
from cl_keras.export.signatures.signature import Facts, Signature, Tensors
from cl_keras.specification import Specification

IDS, SCORES = "ids", "scores"


def build(
    encode: Encode,
    spec: Specification,
    options: Options,
    files: Reader | None,
) -> list[Signature]:
    """Builds the signatures: queries as floats and, where files are read, as files."""
    if options.index is None:
        return []
    if spec.modality == "graph":
        raise ValueError("Expected no `index` with a graph encoder.")
    index = checked_index(options.index, spec.features, options.neighbors)
    find = search(index, options.neighbors)
    outputs = described(index, options.neighbors)

    def by_floats(given: Tensors) -> Tensors:
        return find(encode(from_inputs(spec, given)))

    made = [
        Signature(
            artifact.NEIGHBORS_SIGNATURE,
            inputs(spec),
            outputs,
            by_floats,
            {"index": {"rows": len(index[0]), "neighbors": options.neighbors}},
        )
    ]
    if files is not None:
        made.append(files.signature(artifact.NEIGHBORS_BYTES_SIGNATURE, outputs, find))
    return made


def checked_index(
    index: tuple[ArrayLike, ArrayLike], width: int, neighbors: int
) -> tuple[np.ndarray, np.ndarray]:
    """Brings features and ids to the form in which they are exported."""
    features = np.asarray(index[0], np.float32)
    ids = np.asarray(index[1])
    if (
        features.ndim != 2
        or features.shape[1] != width
        or ids.shape != features.shape[:1]
    ):
        raise ValueError(
            f"Expected `index` of features (n, {width}), as the encoder's, and n ids. "
            f"Received: shapes {features.shape} and {ids.shape}"
        )
    if not 1 <= neighbors <= len(features):
        raise ValueError(
            f"Expected `neighbors` from 1 to the {len(features)} rows of the index. "
            f"Received: neighbors={neighbors}"
        )
    if not np.isfinite(features).all():
        raise ValueError("Expected finite features in `index`. Received: NaN or inf")
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    features = features / np.maximum(lengths, np.finfo(np.float32).tiny)
    if ids.dtype.kind in "iu":
        return features, ids.astype(np.int64)
    texts = [i if isinstance(i, bytes) else str(i).encode() for i in ids.tolist()]
    return features, np.array(texts, dtype=object)


def search(
    index: tuple[np.ndarray, np.ndarray], neighbors: int
) -> Callable[[tf.Tensor], Tensors]:
    """Builds the search for the nearest rows of an index."""
    # Variables and not constants: the graph may have 2 GB at most, these may not.
    bank = tf.Variable(index[0], trainable=False, name="index_features")
    kind = tf.int64 if index[1].dtype.kind == "i" else tf.string
    ids = tf.Variable(index[1], trainable=False, name="index_ids", dtype=kind)

    def nearest(features: tf.Tensor) -> Tensors:
        cosine = tf.matmul(tf.math.l2_normalize(features, -1), bank, transpose_b=True)
        scores, rows = tf.math.top_k(cosine, neighbors)
        return {IDS: tf.gather(ids, rows), SCORES: scores}

    return nearest


def described(index: tuple[np.ndarray, np.ndarray], neighbors: int) -> Facts:
    """Describes the outputs of `search`."""
    kind = "int64" if index[1].dtype.kind == "i" else "string"
    return {
        IDS: {"dtype": kind, "shape": [None, neighbors]},
        SCORES: {"dtype": "float32", "shape": [None, neighbors]},
    }
