# SPDX-License-Identifier: Apache-2.0
"""ONNX, for ONNX Runtime and whatever else reads it."""

from __future__ import annotations

import importlib.metadata
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np

from cl_keras import extras
from cl_keras.artifact import OUTPUT
from cl_keras.export.runtimes.model_file import Runner, Runtime, write_model

_EXTRA = "onnx"
_PACKAGES = ("tf2onnx", "onnx", "onnxruntime")


def onnx(
    encoder: keras.Model,
    path: str | os.PathLike[str],
    *,
    opset: int | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> Path:
    """Exports an encoder as an ONNX model.

    The model has the input `images` for images, float32 `(batch, H, W, C)` in `[0, 1]`
    with the channels last, or `inputs`, and the output `embedding`, float32 `(batch,
    D)`. Batch and, of sequences, time stay open. Before the file appears, by rename,
    it is run by ONNX Runtime and its features are compared with the encoder's, to
    1e-5. The encoder computes in float32, also one that was trained in half precision.

    `path` with `.json` after it describes the file: its SHA-256, inputs, outputs, how
    images are prepared, versions, the largest difference that was found.

    Args:
        encoder: Image encoder, or encoder of waveforms or other sequences, as for
            `saved_model`.
        path: The file, `.onnx`; replaced if it exists.
        opset: Version of ONNX's operations; by default that of tf2onnx.
        metadata: JSON values to keep in the description.

    Returns:
        The file.

    Raises:
        TypeError: If `encoder` is not a Keras model or `metadata` not JSON.
        ValueError: If `path` ends otherwise, or the encoder is one of graphs or
            cannot be converted.
        ImportError: If tf2onnx, onnx or onnxruntime is not installed.

    Example:
    >>> encoder = keras.Sequential(
    ...     [keras.Input((8, 8, 3)), keras.layers.GlobalAveragePooling2D()]
    ... )
    >>> onnx(encoder, "encoder.onnx").name  # doctest: +SKIP
    'encoder.onnx'
    """
    for package in _PACKAGES:
        extras.require(package, extra=_EXTRA)

    versions = {name: importlib.metadata.version(name) for name in _PACKAGES}
    runtime = Runtime(
        "ONNX Runtime",
        ".onnx",
        runner,
        versions,
        {"format": "onnx", "opset_version": opset},
        finish=_name_open_sides,
    )
    return write_model(encoder, path, runtime, batch=None, metadata=metadata)


def runner(path: str | os.PathLike[str]) -> Runner:
    """Opens a file that `onnx` wrote."""
    session = extras.require("onnxruntime", extra=_EXTRA).InferenceSession(
        os.fspath(path), providers=["CPUExecutionProvider"]
    )
    (given,) = session.get_inputs()
    features = session.get_outputs()[0].shape[-1]

    def run(x: np.ndarray) -> np.ndarray:
        if not len(x):  # ONNX cannot fold an empty batch's convolutions.
            return np.empty((0, features), np.float32)
        return session.run([OUTPUT], {given.name: np.asarray(x, np.float32)})[0]

    return run


def _name_open_sides(path: Path) -> None:
    """Calls them batch and time, in place of numbers that tf2onnx makes up."""
    library = extras.require("onnx", extra=_EXTRA)
    model = library.load(os.fspath(path))
    for value in (*model.graph.input, *model.graph.output):
        sides = value.type.tensor_type.shape.dim
        for side, name in zip(sides, ("batch", "time"), strict=False):
            if not side.HasField("dim_value"):
                side.dim_param = name
    library.checker.check_model(model)
    library.save(model, os.fspath(path))
