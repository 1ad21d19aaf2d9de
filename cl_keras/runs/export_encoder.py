# SPDX-License-Identifier: Apache-2.0
"""Exports any encoder one may have, in any format."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from cl_keras import export
from cl_keras.registry import unknown
from cl_keras.runs.evaluate import load_encoder

FORMATS: dict[str, Callable[..., Path]] = {
    "savedmodel": export.saved_model,
    "litert": export.litert,
    "onnx": export.onnx,
}
# What the result calls what was written.
_WRITTEN = {"savedmodel": "saved_model"}


def export_encoder(
    target: str,
    out: str,
    *,
    output: str = "savedmodel",
    registry: str | None = None,
    **options: Any,
) -> dict[str, Any]:
    """Exports an encoder, with what is known of its training.

    Args:
        target: A run folder, a `.keras` file or a zoo name.
        out: The folder of versions of a SavedModel, or the file of another format.
        output: The format, a key of `FORMATS`.
        registry: Registry directory for zoo names.
        **options: Of the format: arguments of `export.saved_model`, `export.litert` or
            `export.onnx`.

    Returns:
        What was written: `saved_model`, `litert` or `onnx`.

    Raises:
        ValueError: If the format is unknown, or the encoder cannot be exported in it.
        ImportError: If a package that the format needs is not installed.

    Example:
    >>> export_encoder("runs/photos", "serving/photos")  # doctest: +SKIP
    {'saved_model': 'serving/photos/1'}
    """
    if output not in FORMATS:
        raise unknown("format", output, FORMATS)
    encoder, known = load_encoder(target, registry)
    metadata = {"encoder": target, **known}
    written = FORMATS[output](encoder, out, metadata=metadata, **options)
    return {_WRITTEN.get(output, output): str(written)}
