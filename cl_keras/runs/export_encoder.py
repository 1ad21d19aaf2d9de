# SPDX-License-Identifier: Apache-2.0
"""Exports any encoder one may have, in any format."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cl_keras import check, export
from cl_keras.runs.encoder_names import load_encoder
from cl_keras.runs.features import read_features
from cl_keras.runs.recording_rate import rate_of
from cl_keras.specification import specification

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
    index: str | None = None,
    **options: Any,
) -> dict[str, Any]:
    """Exports an encoder, with what is known of its training.

    Args:
        target: A run folder, a `.keras` file or a zoo name.
        out: The folder of versions of a SavedModel, or the file of another format.
        output: The format, a key of `FORMATS`.
        registry: Registry directory for zoo names.
        index: A file that `cl-keras embed` wrote with the same encoder, to be searched
            by the SavedModel.
        **options: Of the format: arguments of `export.saved_model`, `export.litert` or
            `export.onnx`. A SavedModel's `sample_rate` is by default the encoder's.

    Returns:
        What was written: `saved_model`, `litert` or `onnx`.

    Raises:
        ValueError: If the format is unknown, or the encoder cannot be exported in it,
            or an option is another format's.
        ImportError: If a package that the format needs is not installed.

    Example:
    >>> export_encoder("runs/photos", "serving/photos")  # doctest: +SKIP
    {'saved_model': 'serving/photos/1'}
    """
    check.one_of("format", output, FORMATS)
    takes = inspect.signature(FORMATS[output]).parameters.keys()
    asked = options.keys() | (set() if index is None else {"index"})
    if foreign := sorted(asked - takes):
        raise ValueError(f"The format {output} has no options {', '.join(foreign)}.")
    encoder, known = load_encoder(target, registry)
    if output == "savedmodel":
        if index is not None:
            bank = read_features(Path(index))
            options["index"] = bank.features, bank.ids
        if specification(encoder).modality == "audio":
            options.setdefault("sample_rate", rate_of(encoder, known))
    # Where the run was started is of no use on another machine.
    metadata = {"encoder": target, **known}
    metadata.pop("directory", None)
    written = FORMATS[output](encoder, out, metadata=metadata, **options)
    return {_WRITTEN.get(output, output): str(written)}
