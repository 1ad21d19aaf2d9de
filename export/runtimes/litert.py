# SPDX-License-Identifier: Apache-2.0
"""LiteRT (formerly TensorFlow Lite), for phones and small devices."""

from __future__ import annotations

import importlib.metadata
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from cl_keras import check, extras
from cl_keras.artifact import OUTPUT
from cl_keras.export.runtimes.model_file import Runner, Runtime, write_model

_EXTRA = "litert"
_MODULE = "ai_edge_litert.interpreter"


def litert(
    encoder: keras.Model,
    path: str | os.PathLike[str],
    *,
    batch_size: int | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> Path:
    """Exports an encoder as a LiteRT model, which runs on LiteRT's own operations.

    The file has one signature, `serving_default`: `images` for images, float32
    `(batch, H, W, C)` in `[0, 1]`, or `inputs` -> `embedding`, float32 `(batch, D)`.
    Before it appears, by rename, it is run by LiteRT and its features are compared
    with the encoder's, to 1e-5. The encoder computes in float32, also one that was
    trained in half precision.

    A recurrent encoder (`encoders.audio_conv`) takes sequences of any length, but a
    fixed number of them in a call: LiteRT has no loops over an open batch. An
    interpreter that is given more rows does not complain and answers wrongly.

    `path` with `.json` after it describes the file: its SHA-256, inputs, outputs, how
    images are prepared, versions, the largest difference that was found.

    Args:
        encoder: Image encoder, or encoder of waveforms or other sequences, as for
            `saved_model`.
        path: The file, `.tflite`; replaced if it exists.
        batch_size: Rows of a call. By default any number, or one if the encoder is
            recurrent.
        metadata: JSON values to keep in the description.

    Returns:
        The file.

    Raises:
        TypeError: If `encoder` is not a Keras model or `metadata` not JSON.
        ValueError: If `path` ends otherwise, `batch_size` is not positive, or the
            encoder is one of graphs or needs what LiteRT has not.
        ImportError: If LiteRT is not installed.

    Example:
    >>> encoder = keras.Sequential(
    ...     [keras.Input((8, 8, 3)), keras.layers.GlobalAveragePooling2D()]
    ... )
    >>> litert(encoder, "encoder.tflite").name  # doctest: +SKIP
    'encoder.tflite'
    """
    extras.require(_MODULE, extra=_EXTRA)
    if batch_size is not None:
        check.at_least(1, batch_size=batch_size)
    if batch_size is None and isinstance(encoder, keras.Model):
        batch_size = 1 if _recurrent(encoder) else None
    versions = {"ai-edge-litert": importlib.metadata.version("ai-edge-litert")}
    # Nothing that the plain runtime has not: no select-ops library on the device.
    plain = {"supported_ops": [tf.lite.OpsSet.TFLITE_BUILTINS]}
    options = {"format": "litert", "target_spec": plain}
    runtime = Runtime("LiteRT", ".tflite", runner, versions, options)
    return write_model(encoder, path, runtime, batch=batch_size, metadata=metadata)


def runner(path: str | os.PathLike[str]) -> Runner:
    """Opens a file that `litert` wrote.

    Args:
        path: The file.

    Returns:
        A function of inputs, `(batch, ...)`, to features, `(batch, D)`. It takes any
        number of rows, and gives the model as many at a time as that takes.

    Raises:
        ImportError: If LiteRT is not installed.
    """
    interpreter = extras.require(_MODULE, extra=_EXTRA).Interpreter(os.fspath(path))
    model = interpreter.get_signature_runner()
    ((name, details),) = model.get_input_details().items()
    rows = int(details["shape_signature"][0])
    features = int(model.get_output_details()[OUTPUT]["shape_signature"][-1])

    def run(x: np.ndarray) -> np.ndarray:
        x = np.asarray(x, np.float32)
        if rows < 0 and len(x):
            return model(**{name: x})[OUTPUT]
        parts = [np.empty((0, features), np.float32)]
        for start in range(0, len(x), max(rows, 1)):
            part = x[start : start + rows]
            missing = [(0, rows - len(part)), *[(0, 0)] * (x.ndim - 1)]
            parts.append(model(**{name: np.pad(part, missing)})[OUTPUT][: len(part)])
        return np.concatenate(parts)

    return run


def _recurrent(model: keras.Model) -> bool:
    return any(
        isinstance(layer, keras.layers.RNN | keras.layers.Bidirectional)
        or (isinstance(layer, keras.Model) and _recurrent(layer))
        for layer in model.layers
    )
