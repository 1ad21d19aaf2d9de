# SPDX-License-Identifier: Apache-2.0
"""`cl-keras serving-kit`."""

from __future__ import annotations

from typing import Annotated

import typer

from cl_keras.cli.options import Json
from cl_keras.cli.output import show


def serving_kit(
    folder: Annotated[
        str, typer.Argument(help="Model folder, which holds the versions.")
    ],
    name: Annotated[
        str | None, typer.Option(help="Name of the model on the server.")
    ] = None,
    stable: Annotated[
        int | None, typer.Option(help="Version that clients get.")
    ] = None,
    canary: Annotated[
        int | None, typer.Option(help="Version to try; by default the newest.")
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace existing files.")
    ] = False,
    json: Json = False,
) -> None:
    """Write the files that a server needs beside a model, or move a label."""
    from cl_keras import export as exporting

    written = exporting.serving_kit(
        folder, name=name, stable=stable, canary=canary, overwrite=overwrite
    )
    show({"written": [str(path) for path in written]}, json)
