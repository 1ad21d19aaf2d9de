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
    format: str = "savedmodel",
    registry: str | None = None,
    **options: Any,
) -> dict[str, Any]:
    """Exports an encoder, with what is known of its training.

    Args:
        target: A run folder, a `.keras` file or a zoo name.
        out: The folder of versions of a SavedModel, or the file of another format.
        format: A key of `FORMATS`.
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
    if format not in FORMATS:
        raise unknown("format", format, FORMATS)
    encoder, known = load_encoder(target, registry)
    written = FORMATS[format](
        encoder, out, metadata={"encoder": target, **known}, **options
    )
    return {_WRITTEN.get(format, format): str(written)}
