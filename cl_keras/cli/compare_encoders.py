# SPDX-License-Identifier: Apache-2.0
"""`cl-keras compare-encoders`."""

from __future__ import annotations

from typing import Annotated

import typer

from cl_keras.cli.completion import targets
from cl_keras.cli.options import Data, Json, Label, Pattern, Registry
from cl_keras.cli.output import show, show_rows


def compare_encoders(
    a: Annotated[
        str,
        typer.Argument(
            metavar="A",
            help="Encoder of the index: SavedModel version, run, .keras or zoo name.",
            autocompletion=targets,
        ),
    ],
    b: Annotated[
        str,
        typer.Argument(
            metavar="B", help="Encoder to take its place.", autocompletion=targets
        ),
    ],
    data: Data = None,
    k: Annotated[int, typer.Option("-k", "--k", help="Neighbours looked at.")] = 10,
    pattern: Pattern = None,
    label: Label = None,
    registry: Registry = None,
    json: Json = False,
) -> None:
    """Say whether an index built with A survives B, before a label moves.

    Exit code 0: compatible, the index can stay. Exit code 1: it must be built anew.
    """
    from cl_keras import runs

    result = runs.compare_encoders(
        a, b, source=data, k=k, pattern=pattern, label=label, registry=registry
    )
    if json:
        show(result, True)
    else:
        rows = [
            (check["name"], _number(check["value"]), check["limit"], check["ok"])
            for check in result["checks"]
        ]
        show_rows(("measure", "value", "wanted", "ok"), rows, "checks", False)
        print(f"{result['verdict']}: {result['meaning']}")
    raise typer.Exit(0 if result["compatible"] else 1)


def _number(value: float | None) -> str:
    return "widths differ" if value is None else f"{value:.4f}"
