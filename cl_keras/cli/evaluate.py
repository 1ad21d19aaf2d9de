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
from cl_keras.cli.output import console, print_sentences
from cl_keras.cli.score_table import print_scores
from cl_keras.score_names import SCORES


def evaluate(
    target: Target,
    data: Data = None,
    test_data: TestData = None,
    probe_data: ProbeData = None,
    metrics: Annotated[
        str | None,
        typer.Option(
            metavar="NAMES",
            help="knn, linear, few_labels, retrieval, clustering, fine_tune, with "
            "commas between; or all. By default knn,linear.",
        ),
    ] = None,
    k: Annotated[
        int | None, typer.Option(help="Most neighbours (k) of the kNN score.")
    ] = None,
    fine_tune_share: Annotated[
        float | None,
        typer.Option(
            help="Share of the labels to fine-tune on; by default that of a zoo "
            "entry's card, else 0.1."
        ),
    ] = None,
    fine_tune_epochs: Annotated[
        int, typer.Option(help="Passes over these examples.")
    ] = 50,
    fine_tune_seed: Annotated[
        int | None,
        typer.Option(help="Seed for drawing these labels; by default the run's."),
    ] = None,
    setting: Setting = None,
    registry: Registry = None,
    json: Json = False,
) -> None:
    """Score an encoder beside random weights and the raw inputs.

    Each score has a 95 % confidence interval. The table goes to standard error, the
    object of --json to standard output.
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
    from cl_keras.runs.announcement import facts_text

    to = console(stderr=True)
    of_data = {n: x for n, x in scores.items() if type(x) is int and n != "k"}
    to.print(f"\n{scores['encoder']} on {scores['data']}: {facts_text(of_data)}\n")
    print_scores(scores, to)
    if chosen := {n: x for n, x in scores.get("chosen", {}).items() if n in SCORES}:
        said = "; ".join(f"{SCORES[name].short}: {x}" for name, x in chosen.items())
        print_sentences([f"Chosen on the training part: {said}"], to)
    for name, reason in scores.get("left_out", {}).items():
        print_sentences([f"Without {name}: {reason}"], to)
