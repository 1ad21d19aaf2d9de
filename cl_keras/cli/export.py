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
        help="Model folder, which gets a new numbered version; of LiteRT and ONNX the "
        "file to write."
    ),
]
_Output = Annotated[str, typer.Option("--format", help="savedmodel, litert or onnx.")]
_Kit = Annotated[bool, typer.Option(help="Also write the files that a server needs.")]
_OnError = Annotated[
    str | None,
    typer.Option(help="What to do with unreadable files: mask (default) or fail."),
]
_MaxPixels = Annotated[
    int | None, typer.Option(help="Largest image to accept: height x width.")
]
_SampleRate = Annotated[
    int | None,
    typer.Option(help="Rate of an audio encoder in Hz, to accept WAV files."),
]
_Samples = Annotated[
    int | None, typer.Option(help="Cut or pad recordings to this length.")
]
_MaxSeconds = Annotated[float | None, typer.Option(help="Longest recording to accept.")]
_GraphSchema = Annotated[
    str | None,
    typer.Option(metavar="PBTXT", help="GraphSchema, to accept GraphTensors."),
]
_Index = Annotated[
    str | None,
    typer.Option(metavar="FILE", help="Features that `embed` wrote, to search in."),
]
_Neighbors = Annotated[
    int | None, typer.Option(help="Neighbours that a search returns.")
]
_Train = Annotated[
    bool | None, typer.Option("--train", help="Add a function for fine-tuning.")
]
_BatchSize = Annotated[
    int | None,
    typer.Option(
        help="LiteRT: rows in each call; by default any number, or 1 if recurrent."
    ),
]
_Opset = Annotated[int | None, typer.Option(help="ONNX: version of the operations.")]


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
    """Export an encoder for TensorFlow Serving, LiteRT or ONNX Runtime."""
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
    folder: Annotated[
        str, typer.Argument(help="A version of a SavedModel, such as serving/1.")
    ],
    against: Annotated[
        str | None,
        typer.Option(help="Encoder that must give the same features."),
    ] = None,
    json: Json = False,
) -> None:
    """Check offline that TensorFlow Serving can load and run a SavedModel."""
    from cl_keras import export as exporting
    from cl_keras import runs
    from cl_keras.runs.stages import Stages

    with Stages()(f"checking {folder}, in a process of its own"):
        encoder = runs.load_encoder(against)[0] if against else None
        report = exporting.check(folder, encoder=encoder)
    if json:
        show_rows(("name", "ok", "detail"), report.rows, "checks", True)
    elif failed := [(name, why) for name, ok, why in report.rows if not ok]:
        show_rows(("failed", "why"), failed, "checks", False)
        print(f"\n{len(failed)} of {len(report.rows)} checks failed.")
    else:
        same = f", and gives what {against} gives" if against else ""
        print(f"All {len(report.rows)} checks hold: {folder} can be served{same}.")
    raise typer.Exit(0 if report.ok else 1)
