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
    on_error: Annotated[
        str | None,
        typer.Option(help="Files that cannot be read: mask (the default) or fail."),
    ] = None,
    max_pixels: Annotated[
        int | None, typer.Option(help="Height x width of the largest image.")
    ] = None,
    sample_rate: Annotated[
        int | None, typer.Option(help="Of an audio encoder, in Hz: to take WAV files.")
    ] = None,
    samples: Annotated[
        int | None, typer.Option(help="Length that recordings are brought to.")
    ] = None,
    max_seconds: Annotated[
        float | None, typer.Option(help="Longest recording.")
    ] = None,
    graph_schema: Annotated[
        str | None,
        typer.Option(metavar="PBTXT", help="GraphSchema, to take GraphTensors."),
    ] = None,
    index: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="What `embed` wrote, to be searched."),
    ] = None,
    neighbors: Annotated[
        int | None, typer.Option(help="Neighbours that a search finds.")
    ] = None,
    train: Annotated[
        bool | None, typer.Option("--train", help="Add a function for fine-tuning.")
    ] = None,
    batch_size: Annotated[
        int | None,
        typer.Option(help="Of litert, rows of a call: any number, or 1 if recurrent."),
    ] = None,
    opset: Annotated[
        int | None, typer.Option(help="Of onnx, version of the operations.")
    ] = None,
    json: Json = False,
) -> None:
    """Write an encoder for TensorFlow Serving, LiteRT or ONNX Runtime."""
    from cl_keras import export as exporting
    from cl_keras import runs

    options = {
        "on_error": on_error,
        "max_pixels": max_pixels,
        "sample_rate": sample_rate,
        "samples": samples,
        "max_seconds": max_seconds,
        "graph_schema": graph_schema,
        "neighbors": neighbors,
        "train": train,
        "batch_size": batch_size,
        "opset": opset,
    }
    given = {name: value for name, value in options.items() if value is not None}
    written = runs.export_encoder(
        target, out, output=output, registry=registry, index=index, **given
    )
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
