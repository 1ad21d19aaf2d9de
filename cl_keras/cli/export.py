# SPDX-License-Identifier: Apache-2.0
"""`cl-keras export` and `cl-keras check`."""

from __future__ import annotations

from typing import Annotated

import typer

from cl_keras.cli.options import Json, Registry, Target
from cl_keras.cli.output import show, show_rows


def export(
    target: Target,
    out: Annotated[
        str,
        typer.Argument(
            help="Model folder; a numbered version goes into it. Of the other formats, "
            "the .tflite or .onnx file."
        ),
    ],
    output: Annotated[
        str, typer.Option("--format", help="savedmodel, litert or onnx.")
    ] = "savedmodel",
    registry: Registry = None,
    kit: Annotated[
        bool, typer.Option(help="Write what serving takes beside a SavedModel.")
    ] = True,
    json: Json = False,
) -> None:
    """Write an encoder for TensorFlow Serving, LiteRT or ONNX Runtime."""
    from cl_keras import export as exporting
    from cl_keras import runs

    written = runs.export_encoder(target, out, output=output, registry=registry)
    if kit and output == "savedmodel":
        exporting.serving_kit(out)
    show(written, json)


def check(
    folder: Annotated[str, typer.Argument(help="Version folder, such as m/1.")],
    against: Annotated[
        str | None,
        typer.Option(help="Run, .keras file or zoo name to compare features with."),
    ] = None,
    json: Json = False,
) -> None:
    """Check a SavedModel offline, as TensorFlow Serving would load it."""
    from cl_keras import export as exporting
    from cl_keras import runs

    encoder = runs.load_encoder(against)[0] if against else None
    report = exporting.check(folder, encoder=encoder)
    show_rows(("name", "ok", "detail"), report.rows, "checks", json)
    raise typer.Exit(0 if report.ok else 1)
