# SPDX-License-Identifier: Apache-2.0
"""`cl-keras embed`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from cl_keras.cli.options import Json, Label, Pattern, Registry, Source, Target
from cl_keras.cli.output import show


def embed(
    target: Target,
    source: Source,
    out: Annotated[
        str, typer.Option(metavar="FILE", help="features.npz or features.parquet.")
    ],
    pattern: Pattern = None,
    label: Label = None,
    registry: Registry = None,
    json: Json = False,
) -> None:
    """Write the features of a data set, with ids and labels, to a file."""
    from cl_keras import runs

    result = runs.embed(
        target, source, out=out, registry=registry, pattern=pattern, label=label
    )
    if not json:
        for file in result.pop("skipped"):
            print(f"skipped: {file}", file=sys.stderr)
    show(result, json)
