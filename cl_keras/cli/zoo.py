# SPDX-License-Identifier: Apache-2.0
"""`cl-keras zoo`."""

from __future__ import annotations

import json as json_format
from pathlib import Path
from typing import Annotated

import typer

from cl_keras.cli.options import Json, Registry, ZooName
from cl_keras.cli.output import show, show_rows

app = typer.Typer(help="List, inspect, fetch, check and add pretrained encoders.")


@app.command("list")
def list_entries(
    pattern: Annotated[str, typer.Argument(help="Such as 'simclr*'.")] = "*",
    registry: Registry = None,
    json: Json = False,
) -> None:
    """List pretrained encoders."""
    from cl_keras import zoo

    rows = [
        zoo.info(name, registry=registry)
        for name in zoo.list(pattern, registry=registry)
    ]
    table = [(r.name, r.modality, r.features, r.parameters, r.data) for r in rows]
    show_rows(
        ("name", "modality", "features", "parameters", "data"), table, "encoders", json
    )


@app.command()
def info(name: ZooName, registry: Registry = None, json: Json = False) -> None:
    """Show all that is known of an encoder."""
    from cl_keras import zoo

    row = zoo.info(name, registry=registry)
    show(json_format.loads(row.to_json()), json)


@app.command()
def fetch(name: ZooName, registry: Registry = None, json: Json = False) -> None:
    """Fetch an encoder's files, verified, and print where its SavedModel is."""
    from cl_keras import zoo

    folder = zoo.saved_model(name, registry=registry)
    show({"name": name, "saved_model": str(folder)}, json)


@app.command()
def verify(name: ZooName, registry: Registry = None, json: Json = False) -> None:
    """Compare an encoder's files with their recorded SHA-256."""
    from cl_keras import zoo

    checks = zoo.verify(name, registry=registry)
    show_rows(checks[0]._fields, checks, "files", json)
    raise typer.Exit(0 if all(c.ok for c in checks) else 1)


@app.command()
def add(
    run: Annotated[Path, typer.Argument(help="Folder of a finished run.")],
    registry: Annotated[Path, typer.Option(metavar="DIR", help="Registry directory.")],
    name: Annotated[
        str | None, typer.Option(help="By default method_encoder_dataset.")
    ] = None,
    license_data: Annotated[str, typer.Option(help="Licence of the data.")] = "unknown",
    overwrite: Annotated[bool, typer.Option(help="Replace an entry.")] = False,
    json: Json = False,
) -> None:
    """Draft a row and a card from a run, and copy its encoder beside them."""
    from cl_keras import runs

    row = runs.add_entry(
        run, registry, name=name, license_data=license_data, overwrite=overwrite
    )
    show({"name": row.name, "registry": str(registry)}, json)
