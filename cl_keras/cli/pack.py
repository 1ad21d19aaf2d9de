# SPDX-License-Identifier: Apache-2.0
"""`cl-keras pack`."""

from __future__ import annotations

from typing import Annotated

import typer

from cl_keras.cli.options import Json, Label, Pattern, Source
from cl_keras.cli.output import show_skipping


def pack(
    source: Source,
    out: Annotated[str, typer.Argument(metavar="DIR", help="Folder to write.")],
    shards: Annotated[int, typer.Option(help="Record files to write.")] = 16,
    name: Annotated[
        str | None,
        typer.Option(help="Beginning of the file names; by default the name of DIR."),
    ] = None,
    pattern: Pattern = None,
    label: Label = None,
    shuffle_seed: Annotated[
        int | None,
        typer.Option(help="Shuffle the records; by default they keep their order."),
    ] = None,
    json: Json = False,
) -> None:
    """Pack a folder of images or recordings into TFRecords with an index."""
    from cl_keras import runs

    result = runs.pack(
        source,
        out,
        shards=shards,
        name=name,
        pattern=pattern,
        label=label,
        shuffle_seed=shuffle_seed,
    )
    show_skipping(result, json)
