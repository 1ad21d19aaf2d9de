# SPDX-License-Identifier: Apache-2.0
"""`cl-keras neighbors`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from cl_keras.cli.options import (
    Data,
    Json,
    Label,
    Pattern,
    Registry,
    Setting,
    Target,
)
from cl_keras.cli.output import show, show_rows


def neighbors(
    target: Target,
    query: Annotated[
        list[str],
        typer.Option(
            metavar="FILE",
            help="File or folder to search for; may be given several times.",
        ),
    ],
    data: Data = None,
    features: Annotated[
        str | None,
        typer.Option(
            metavar="FILE", help="Features that `embed` wrote, instead of --data."
        ),
    ] = None,
    k: Annotated[
        int, typer.Option("-k", "--k", help="Neighbours to find for each query.")
    ] = 8,
    out: Annotated[
        str | None,
        typer.Option(metavar="PNG", help="Draw the neighbours into this image."),
    ] = None,
    pattern: Pattern = None,
    label: Label = None,
    setting: Setting = None,
    registry: Registry = None,
    json: Json = False,
) -> None:
    """Find the examples of a data set that are most similar to your files."""
    from cl_keras import runs

    result = runs.neighbors(
        target,
        query,
        source=data,
        features=features,
        k=k,
        out=out,
        registry=registry,
        pattern=pattern,
        label=label,
        settings=runs.parse_settings(setting or []),
    )
    if json:
        show(result, True)
        return
    heads = ("query", "rank", "neighbor", "similarity", "label")
    rows = [
        (
            *(found["query"], rank, near["file"] or near["id"]),
            *(f"{near['similarity']:.3f}", near["label"]),
        )
        for found in result["queries"]
        for rank, near in enumerate(found["neighbors"], 1)
    ]
    show_rows(heads, rows, "rows", False)
    if result["grid"]:
        print(f"grid: {result['grid']}")
    elif out:
        print("no grid: the images are not at hand", file=sys.stderr)
