# SPDX-License-Identifier: Apache-2.0
"""`cl-keras serving-kit`."""

from __future__ import annotations

from typing import Annotated

import typer

from cl_keras.cli.options import Json
from cl_keras.cli.output import show


def serving_kit(
    folder: Annotated[str, typer.Argument(help="Model folder, with its versions.")],
    name: Annotated[
        str | None, typer.Option(help="Name of the model on the server.")
    ] = None,
    stable: Annotated[
        int | None, typer.Option(help="Version that clients shall get.")
    ] = None,
    canary: Annotated[
        int | None, typer.Option(help="Version to try; by default the newest.")
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Write files anew that are there.")
    ] = False,
    json: Json = False,
) -> None:
    """Write what serving a model takes beside its versions, or move a label."""
    from cl_keras import export as exporting

    written = exporting.serving_kit(
        folder, name=name, stable=stable, canary=canary, overwrite=overwrite
    )
    show({"written": [str(path) for path in written]}, json)
