# SPDX-License-Identifier: Apache-2.0
"""`cl-keras compare`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from cl_keras.cli.options import (
    BatchSize,
    DataOption,
    Encoder,
    Epochs,
    ImageSize,
    Json,
    Methods,
    Neighbors,
    Setting,
    TestData,
)
from cl_keras.cli.output import command_line, console, print_table, show
from cl_keras.cli.score_table import score_cell
from cl_keras.score_names import KNN, LINEAR, SCORES

_SCORES = (LINEAR, KNN)


def compare(
    methods: Methods,
    data: DataOption = "digits",
    out: Annotated[
        str, typer.Option(metavar="DIR", help="Where the comparison is kept.")
    ] = "runs/compare",
    test_data: TestData = None,
    encoder: Encoder = None,
    epochs: Epochs = None,
    batch_size: BatchSize = None,
    image_size: ImageSize = None,
    seeds: Annotated[
        str, typer.Option(help="Seeds to train with, such as 0,1,2.")
    ] = "0",
    neighbors: Neighbors = None,
    setting: Setting = None,
    json: Json = False,
) -> None:
    """Train several methods alike on one data set, and compare them in a table."""
    from cl_keras import runs

    result = runs.compare(
        methods,
        out=out,
        seeds=_numbers(seeds),
        command=command_line(),
        data=data,
        test_data=test_data,
        encoder=encoder,
        epochs=epochs,
        batch_size=batch_size,
        image_size=image_size,
        neighbors=neighbors,
        settings=runs.parse_settings(setting or []),
    )
    if json:
        show(result, True)
        return
    to, rows = console(), result["rows"]
    heads = ["", *(SCORES[name].short for name in _SCORES), "parameters", "seconds"]
    print_table(heads, map(_cells, rows), to)
    seeds_given = len(result["seeds"])
    spread = f"mean and standard deviation over {seeds_given} seeds"
    intervals = "with 95 % confidence intervals over other test examples"
    to.print(f"In percent, {spread if seeds_given > 1 else intervals}.")
    to.print(f"\nFigure  {result['figure']}")


def _numbers(text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise ValueError(
            f"Expected whole numbers, as in --seeds 0,1,2. Received: {text!r}"
        ) from None


def _cells(row: Mapping[str, Any]) -> list[str]:
    costs = (row.get("parameters"), row.get("train_seconds"))
    return [
        row["name"],
        *(score_cell(row, name) for name in _SCORES),
        *("" if cost is None else f"{cost:,.0f}" for cost in costs),
    ]
