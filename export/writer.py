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
from cl_keras import artifact
from cl_keras.export import images
from cl_keras.export.specification import specification


def saved_model(
    encoder: keras.Model,
    path: str | os.PathLike[str],
    *,
    bytes_input: bool = True,
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
      images the input is called `inputs` and has the encoder's shape.
    - `image_bytes`: `image_bytes`, string `(batch,)`, encoded images ->
      `embedding`. Decoding, resizing and scaling are part of the graph and equal
      `cl_keras.export.images.decode_images`. Only for image encoders with 1 or 3
      channels.

    `manifest.json` in the version folder holds the signatures, the input
    specification, library versions and the SHA-256 of every file.

    Args:
        encoder: Model with one float input of known shape `(batch, ...)` and one
            output `(batch, D)`: a functional or sequential model.
        path: Folder of the versions; created if needed.
        bytes_input: Whether to add the `image_bytes` signature.
        metadata: JSON values to keep in the manifest, such as the run's method
            and seed.

    Returns:
        The version folder.

    Raises:
        TypeError: If `encoder` is not a Keras model or `metadata` not JSON.
        ValueError: If the encoder's inputs or outputs are not as above.

    Example:
    >>> import tempfile
    >>> encoder = keras.Sequential(
    ...     [keras.Input((8, 8, 3)), keras.layers.GlobalAveragePooling2D()]
    ... )
    >>> saved_model(encoder, tempfile.mkdtemp()).name
    '1'
    """
    shape, features = specification(encoder)
    try:
        metadata = json.loads(json.dumps(dict(metadata or {}), allow_nan=False))
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"Expected metadata of JSON values ({error}). Received: {metadata!r}"
        ) from error
    is_image = len(shape) == 3
    with_bytes = bytes_input and is_image and shape[-1] in (1, 3)
    name = artifact.FLOAT_INPUT if is_image else "inputs"

    def embed(x: tf.Tensor) -> dict[str, tf.Tensor]:
        # float32 also from an encoder that computes in half precision.
        return {artifact.OUTPUT: tf.cast(encoder(x, training=False), tf.float32)}

    # Not archive.track(encoder): variables that the signatures use are found, and
    # Keras 3.15 would store the tracked ones a second time (twice the file).
    archive = keras.export.ExportArchive()
    archive.add_endpoint(
        artifact.FLOAT_SIGNATURE,
        lambda inputs: embed(inputs[name]),
        input_signature=[{name: tf.TensorSpec((None, *shape), tf.float32, name)}],
    )
    output = {artifact.OUTPUT: {"dtype": "float32", "shape": [None, features]}}
    signatures = {
        artifact.FLOAT_SIGNATURE: {
            "inputs": {name: {"dtype": "float32", "shape": [None, *shape]}},
            "outputs": output,
        }
    }
    if with_bytes:
        spec = tf.TensorSpec((None,), tf.string, artifact.BYTES_INPUT)
        archive.add_endpoint(
            artifact.BYTES_SIGNATURE,
            lambda inputs: embed(
                images.decode_images(inputs[artifact.BYTES_INPUT], *shape)
            ),
            input_signature=[{artifact.BYTES_INPUT: spec}],
        )
        signatures[artifact.BYTES_SIGNATURE] = {
            "inputs": {artifact.BYTES_INPUT: {"dtype": "string", "shape": [None]}},
            "outputs": output,
        }

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
            input={
                "modality": "image" if is_image else None,
                "shape": list(shape),
                "dtype": "float32",
                "range": [0, 1] if is_image else None,
                "preprocessing": images.PREPROCESSING if with_bytes else None,
            },
            features=features,
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
