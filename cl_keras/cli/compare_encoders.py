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
            help="The encoder that built the index.",
            autocompletion=targets,
        ),
    ],
    b: Annotated[
        str,
        typer.Argument(
            metavar="B", help="The encoder to replace it.", autocompletion=targets
        ),
    ],
    data: Data = None,
    k: Annotated[int, typer.Option("-k", "--k", help="Neighbours to compare.")] = 10,
    pattern: Pattern = None,
    label: Label = None,
    registry: Registry = None,
    json: Json = False,
) -> None:
    """Tell whether an index built with encoder A still works with encoder B.

    Exit code 0: it does. Exit code 1: build the index anew.
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
