# SPDX-License-Identifier: Apache-2.0
"""Options that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Registry = Annotated[
    str | None, typer.Option(help="Registry directory of your own.", metavar="DIR")
]
Data = Annotated[
    str | None,
    typer.Option(metavar="SPEC", help="digits, folder:PATH or npz:PATH."),
]
TestData = Annotated[
    str | None,
    typer.Option(
        metavar="SPEC",
        help="Test images. By default the test part of the data, or a fifth of it "
        "that is held out of training.",
    ),
]
DataOption = Annotated[
    str,
    typer.Option(
        metavar="SPEC",
        help="digits, folder:PATH (images or WAVs), npz:PATH, planetoid:PATH, "
        "tu:PATH, ...",
    ),
]
# Where the value is None, the method's own default holds, else the general one.
Encoder = Annotated[
    str | None,
    typer.Option(help="compact_resnet, resnet18, dim_conv, keras:NAME, ..."),
]
Epochs = Annotated[int | None, typer.Option(help="Passes over the data.")]
BatchSize = Annotated[int | None, typer.Option(help="Examples in a step.")]
ImageSize = Annotated[int | None, typer.Option(help="Side of the images, in pixels.")]
Seed = Annotated[int, typer.Option(help="Of weights, order and views.")]
Neighbors = Annotated[int | None, typer.Option(help="k of the kNN evaluation.")]
Setting = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="temperature=0.2, encoder.width=48, augment.blur=0.5, "
        "projector.depth=3, ...",
    ),
]
