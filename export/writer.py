# SPDX-License-Identifier: Apache-2.0
"""Writes an encoder as a SavedModel version that TensorFlow Serving can load."""

from __future__ import annotations

import json
import os
import shutil
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

import cl_keras
from cl_keras import artifact, gnn
from cl_keras.export import graphs, images
from cl_keras.specification import Specification, specification

_RANGES = {"image": [0, 1], "audio": [-1, 1]}


def saved_model(
    encoder: keras.Model,
    path: str | os.PathLike[str],
    *,
    bytes_input: bool = True,
    graph_schema: gnn.Layout | gnn.Schema | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> Path:
    """Exports an encoder as the next version below a folder.

    Writes `path/<version>/`, the version being one more than the highest there.
    The folder appears complete, by rename, so a server that polls `path` never
    sees half a model, and exporters that run at once get a version each.

    Signatures, all with an open batch dimension (an empty batch works) and the
    encoder in inference mode:

    - `serving_default`: `images`, float32 `(batch, H, W, C)` in `[0, 1]` ->
      `embedding`, float32 `(batch, D)`. For an encoder of something else than
      images the input is called `inputs` and has the encoder's shape; the time axis
      of audio and other sequences stays open. For a graph encoder the inputs are
      `features`, float32 `(nodes, width)`, and `edges`, int32 `(edges, 2)`, of one
      graph, and a row of `embedding` is a node's: no server may batch it.
    - `image_bytes`: `image_bytes`, string `(batch,)`, encoded images ->
      `embedding`. Decoding, resizing and scaling are part of the graph and equal
      `cl_keras.export.images.decode_images`. Only for image encoders with 1 or 3
      channels.
    - `graph_tensor`: `graph_tensor`, string `(batch,)`, serialized GraphTensors
      (`tf.train.Example`s), a graph each -> `embedding`, float32 `(batch, nodes, D)`,
      filled up with zeros to the largest graph, `nodes`, int32 `(batch,)`, how many
      rows are real, and `graph_embedding`, float32 `(batch, D)`, their mean (zeros
      for a graph without nodes). Only for graph encoders, with `graph_schema`. Other
      fields of the examples may be there or not. Loading needs no TensorFlow GNN.

    `manifest.json` in the version folder holds the signatures, the input
    specification, library versions and the SHA-256 of every file.

    Args:
        encoder: Functional or sequential model with one output `(batch, D)` and one
            float input of known shape `(batch, ...)`, or of open length, `(batch,
            None)` or `(batch, None, channels)`; or a graph encoder.
        path: Folder of the versions; created if needed.
        bytes_input: Whether to add the `image_bytes` signature.
        graph_schema: Adds the `graph_tensor` signature for GraphTensors of this
            schema: a `tensorflow_gnn.GraphSchema`, the path of its text form, or a
            `cl_keras.gnn.layout` where the schema leaves a choice. Needs the extra
            `graph`.
        metadata: JSON values to keep in the manifest, such as the run's method
            and seed.

    Returns:
        The version folder.

    Raises:
        TypeError: If `encoder` is not a Keras model or `metadata` not JSON.
        ValueError: If the encoder's inputs or outputs are not as above, or do not fit
            the schema.
        ImportError: If TensorFlow GNN is needed and cannot be imported.

    Example:
    >>> import tempfile
    >>> encoder = keras.Sequential(
    ...     [keras.Input((8, 8, 3)), keras.layers.GlobalAveragePooling2D()]
    ... )
    >>> saved_model(encoder, tempfile.mkdtemp()).name
    '1'
    """
    spec = specification(encoder)
    parts = None if graph_schema is None else graphs.layout_for(spec, graph_schema)
    try:
        metadata = json.loads(json.dumps(dict(metadata or {}), allow_nan=False))
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"Expected metadata of JSON values ({error}). Received: {metadata!r}"
        ) from error
    with_bytes = bytes_input and spec.modality == "image" and spec.shape[-1] in (1, 3)
    inputs = _inputs(spec)

    def embed(x: Any) -> dict[str, tf.Tensor]:
        # float32 also from an encoder that computes in half precision.
        return {artifact.OUTPUT: tf.cast(encoder(x, training=False), tf.float32)}

    # Not archive.track(encoder): variables that the signatures use are found, and
    # Keras 3.15 would store the tracked ones a second time (twice the file).
    archive = keras.export.ExportArchive()
    archive.add_endpoint(
        artifact.FLOAT_SIGNATURE,
        lambda x: embed(x if len(inputs) > 1 else x[next(iter(inputs))]),
        input_signature=[
            {
                name: tf.TensorSpec(fact["shape"], fact["dtype"], name)
                for name, fact in inputs.items()
            }
        ],
    )
    output = {artifact.OUTPUT: {"dtype": "float32", "shape": [None, spec.features]}}
    signatures: dict[str, Any] = {
        artifact.FLOAT_SIGNATURE: {"inputs": inputs, "outputs": output}
    }
    if with_bytes:
        strings = tf.TensorSpec((None,), tf.string, artifact.BYTES_INPUT)
        archive.add_endpoint(
            artifact.BYTES_SIGNATURE,
            lambda x: embed(
                images.decode_images(x[artifact.BYTES_INPUT], *spec.shape)  # type: ignore[arg-type]
            ),
            input_signature=[{artifact.BYTES_INPUT: strings}],
        )
        signatures[artifact.BYTES_SIGNATURE] = {
            "inputs": {artifact.BYTES_INPUT: {"dtype": "string", "shape": [None]}},
            "outputs": output,
        }
    if parts is not None:
        strings = tf.TensorSpec((None,), tf.string, graphs.INPUT)
        archive.add_endpoint(
            graphs.SIGNATURE,
            graphs.endpoint(encoder, parts),
            input_signature=[{graphs.INPUT: strings}],
        )
        signatures[graphs.SIGNATURE] = graphs.signature(spec.features)
    facts = {
        "modality": spec.modality,
        "shape": list(spec.shape),
        "dtype": "float32",
        "range": _RANGES.get(spec.modality or ""),
        "preprocessing": images.PREPROCESSING if with_bytes else None,
    }
    if parts is not None:
        facts[graphs.INPUT] = parts.facts()

    base = Path(path)
    base.mkdir(parents=True, exist_ok=True)
    # Not tempfile.mkdtemp: its folders are closed to other users, and a server
    # often runs as one. A name that is no number is invisible to the server.
    building = base / f".building-{uuid.uuid4().hex}"
    building.mkdir()
    try:
        archive.write_out(building, verbose=False)
        artifact.write_manifest(
            building,
            signatures=signatures,
            input=facts,
            features=spec.features,
            compute_dtype=encoder.compute_dtype,
            library_versions={
                "cl_keras": cl_keras.__version__,
                "keras": keras.__version__,
                "tensorflow": tf.__version__,
            },
            metadata=metadata,
        )
        return _publish(building, base)
    finally:
        shutil.rmtree(building, ignore_errors=True)


def _inputs(spec: Specification) -> dict[str, dict[str, Any]]:
    """Names, dtypes and shapes of the default signature's inputs."""
    if spec.modality == "graph":
        return {
            "features": {"dtype": "float32", "shape": [None, *spec.shape]},
            "edges": {"dtype": "int32", "shape": [None, 2]},
        }
    name = artifact.FLOAT_INPUT if spec.modality == "image" else "inputs"
    return {name: {"dtype": "float32", "shape": [None, *spec.shape]}}


def _publish(building: Path, base: Path) -> Path:
    while True:
        # A fresh look each time: another exporter may have taken the number.
        used = [int(p.name) for p in base.iterdir() if p.name.isdecimal()]
        version = base / str(max(used, default=0) + 1)
        try:
            os.rename(building, version)
        except OSError:
            if version.exists():
                continue
            raise
        return version
