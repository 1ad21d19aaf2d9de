# SPDX-License-Identifier: Apache-2.0
"""`cl-keras compare`."""

from __future__ import annotations

from typing import Annotated

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
from cl_keras.cli.output import command_line, show, show_rows

_COLUMNS = ("linear_accuracy", "knn_accuracy", "parameters", "train_seconds")


def compare(
    methods: Methods,
    data: DataOption = "digits",
    out: Annotated[
        str, typer.Option(metavar="DIR", help="Folder of the comparison.")
    ] = "runs/compare",
    test_data: TestData = None,
    encoder: Encoder = None,
    epochs: Epochs = None,
    batch_size: BatchSize = None,
    image_size: ImageSize = None,
    seeds: Annotated[str, typer.Option(help="Comma-separated, as in 0,1,2.")] = "0",
    neighbors: Neighbors = None,
    setting: Setting = None,
    json: Json = False,
) -> None:
    """Train several methods on one data set with one budget; print one table."""
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
    lines = [
        [row["name"], *(_cell(row, column) for column in _COLUMNS)]
        for row in result["rows"]
    ]
    show_rows(("method", *_COLUMNS), lines, "rows", False)
    print(f"figure: {result['figure']}")


def _numbers(text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise ValueError(
            f"Expected whole numbers, as in --seeds 0,1,2. Received: {text!r}"
        ) from None


def _cell(row: dict, column: str) -> str:
    value = row.get(column)
    if value is None:
        return ""
    if column.endswith("accuracy"):
        spread = row.get(f"{column}_sd")
        return f"{value:.3f}" + (f" ± {spread:.3f}" if spread is not None else "")
    return f"{value:,.0f}"
