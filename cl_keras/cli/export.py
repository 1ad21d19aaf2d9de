# SPDX-License-Identifier: Apache-2.0
"""`cl-keras export` and `cl-keras check`."""

from __future__ import annotations

from typing import Annotated

import typer

from cl_keras.cli.options import Json, Registry, Target
from cl_keras.cli.output import show, show_rows

_Out = Annotated[
    str,
    typer.Argument(
        help="Model folder; a numbered version goes into it. Of the other formats, "
        "the .tflite or .onnx file."
    ),
]
_Output = Annotated[str, typer.Option("--format", help="savedmodel, litert or onnx.")]
_Kit = Annotated[
    bool, typer.Option(help="Write what serving takes beside a SavedModel.")
]
_OnError = Annotated[
    str | None,
    typer.Option(help="Files that cannot be read: mask (the default) or fail."),
]
_MaxPixels = Annotated[
    int | None, typer.Option(help="Height x width of the largest image.")
]
_SampleRate = Annotated[
    int | None, typer.Option(help="Of an audio encoder, in Hz: to take WAV files.")
]
_Samples = Annotated[
    int | None, typer.Option(help="Length that recordings are brought to.")
]
_MaxSeconds = Annotated[float | None, typer.Option(help="Longest recording.")]
_GraphSchema = Annotated[
    str | None,
    typer.Option(metavar="PBTXT", help="GraphSchema, to take GraphTensors."),
]
_Index = Annotated[
    str | None,
    typer.Option(metavar="FILE", help="What `embed` wrote, to be searched."),
]
_Neighbors = Annotated[int | None, typer.Option(help="Neighbours that a search finds.")]
_Train = Annotated[
    bool | None, typer.Option("--train", help="Add a function for fine-tuning.")
]
_BatchSize = Annotated[
    int | None,
    typer.Option(help="Of litert, rows of a call: any number, or 1 if recurrent."),
]
_Opset = Annotated[int | None, typer.Option(help="Of onnx, version of the operations.")]


def export(
    target: Target,
    out: _Out,
    output: _Output = "savedmodel",
    registry: Registry = None,
    kit: _Kit = True,
    on_error: _OnError = None,
    max_pixels: _MaxPixels = None,
    sample_rate: _SampleRate = None,
    samples: _Samples = None,
    max_seconds: _MaxSeconds = None,
    graph_schema: _GraphSchema = None,
    index: _Index = None,
    neighbors: _Neighbors = None,
    train: _Train = None,
    batch_size: _BatchSize = None,
    opset: _Opset = None,
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
