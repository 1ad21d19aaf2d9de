# SPDX-License-Identifier: Apache-2.0
"""`cl-keras evaluate`."""

from __future__ import annotations

import json as json_format
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from cl_keras.cli.options import (
    Data,
    Json,
    ProbeData,
    Registry,
    Setting,
    Target,
    TestData,
)
from cl_keras.score_names import SCORES, baselines_of, ends_of


def evaluate(
    target: Target,
    data: Data = None,
    test_data: TestData = None,
    probe_data: ProbeData = None,
    metrics: Annotated[
        str | None,
        typer.Option(
            metavar="NAMES",
            help="Out of knn, linear, few_labels, retrieval, clustering and fine_tune, "
            "with commas between; or all. By default those on an entry's card, else "
            "knn,linear.",
        ),
    ] = None,
    k: Annotated[int | None, typer.Option(help="Most neighbours.")] = None,
    fine_tune_share: Annotated[
        float | None,
        typer.Option(
            help="Share of the labels that fine-tuning uses; by default that of an "
            "entry's card, else 0.1."
        ),
    ] = None,
    fine_tune_epochs: Annotated[int, typer.Option(help="Passes over them.")] = 50,
    fine_tune_seed: Annotated[
        int | None,
        typer.Option(help="Of the labels drawn; by default the run's own."),
    ] = None,
    setting: Setting = None,
    registry: Registry = None,
    json: Json = False,
) -> None:
    """Score an encoder next to a random one and the raw inputs.

    Each number comes with its 95 % confidence interval. The table goes to standard
    error, the object of --json to standard output.
    """
    from cl_keras import runs

    names = None
    if metrics is not None:
        names = [name.strip() for name in metrics.split(",") if name.strip()]
    scores = runs.evaluate(
        target,
        data_spec=data,
        test_spec=test_data,
        probe_spec=probe_data,
        metrics=names,
        k=k,
        fine_tune_share=fine_tune_share,
        fine_tune_epochs=fine_tune_epochs,
        fine_tune_seed=fine_tune_seed,
        settings=runs.parse_settings(setting or []),
        registry=registry,
    )
    _show_table(scores)
    if json:
        print(json_format.dumps(scores))


def _show_table(scores: Mapping[str, Any]) -> None:
    # Here, not above: --help shall not wait for what it does not print.
    from rich.console import Console
    from rich.table import Table

    console = Console(stderr=True, soft_wrap=True, highlight=False)
    numbers = {name: x for name, x in scores.items() if isinstance(x, float)}
    names = [name for name in numbers if name in SCORES]
    console.print(
        ", ".join(
            f"{name} {value}"
            for name, value in scores.items()
            if name not in numbers and not isinstance(value, dict)
        )
    )
    # Narrow enough for a terminal of 80 columns.
    table = Table(
        *("95 % intervals", "encoder", "random encoder", "raw inputs"),
        box=None,
        padding=(0, 1, 0, 0),
        pad_edge=False,
    )
    for name in names:
        cells = (name, *baselines_of(name))
        table.add_row(name, *(_cell(numbers, cell) for cell in cells))
    console.print(table)
    console.print("intervals cover other test examples, not another training")
    for name, covered in scores.get("intervals", {}).items():
        console.print(f"the interval of {name} covers other {covered}")
    for name, settings in scores.get("chosen", {}).items():
        console.print(f"chosen on the training part: {name}: {settings}")
    for name, reason in scores.get("left_out", {}).items():
        console.print(f"left out: {name}: {reason}")


def _cell(numbers: Mapping[str, float], name: str) -> str:
    if name not in numbers:
        return "-"
    text = f"{numbers[name]:.3f}"
    low, high = (numbers.get(end) for end in ends_of(name))
    return text if low is None else f"{text} {low:.3f}..{high:.3f}"
