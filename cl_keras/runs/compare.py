# SPDX-License-Identifier: Apache-2.0
"""Several methods on one data set with one encoder and one budget, in one table."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from cl_keras import files
from cl_keras.method_table import METHODS
from cl_keras.runs.config import TrainConfig
from cl_keras.runs.train import train
from cl_keras.score_names import KNN, LINEAR, RANDOM_INIT, TITLES, TRAINED, ends_of
from cl_keras.score_names import RAW as RAW_INPUTS
from cl_keras.show import score_plots

SCORES = (LINEAR, KNN)
RANDOM, RAW = "random encoder", "raw inputs"


def compare(
    methods: Sequence[str],
    *,
    out: str,
    seeds: Iterable[int] = (0,),
    command: str = "",
    console: Console | None = None,
    **given: Any,
) -> dict[str, Any]:
    """Trains methods alike and puts their scores side by side.

    Each method trains in `out/<method>_seed<n>`; a run of the same configuration there
    is gone on with, so that an interrupted comparison goes on where it stopped. Writes
    `comparison.json` and `comparison.png`.

    Args:
        methods: Keys of `cl_keras.methods.METHODS`.
        out: Folder of the comparison.
        seeds: Of weights, order and views; scores are means over them.
        command: The command line that asked for it.
        console: Where progress goes; by default standard error.
        **given: Fields of `TrainConfig` that all runs share, such as `data`,
            `encoder`, `epochs` and `settings`.

    Returns:
        `rows`, one a method and one each for the random encoder and the raw
        inputs: `name`, `<score>` (mean), `<score>_sd` (over seeds, from two on; of one
        the ends of its interval, `<score>_low` and `<score>_high`), `parameters`,
        `train_seconds`; and what they were measured on.

    Raises:
        ValueError: If fewer than two methods or no seeds are given, a method is
            named twice, or the data has no labels.
        FileExistsError: If a run folder there holds something else.
    """
    console = console or Console(stderr=True)
    seeds = list(seeds)
    if len(methods) < 2 or len(set(methods)) < len(methods) or not seeds:
        raise ValueError(
            "Expected two or more different methods and at least one seed. "
            f"Received: methods={list(methods)}, seeds={seeds}"
        )
    # All configurations first: what is wrong with the last must not cost the first.
    configs = {
        method: [
            TrainConfig.for_method(
                method, out=str(Path(out) / f"{method}_seed{seed}"), seed=seed, **given
            )
            for seed in seeds
        ]
        for method in methods
    }
    runs = {
        # The encoder is the same for all: it is scored untrained beside the first.
        method: [_run(x, command, console, method == methods[0]) for x in group]
        for method, group in configs.items()
    }
    rows = [_row(name, summaries, TRAINED) for name, summaries in runs.items()]
    # One row for the encoder untrained, one for no encoder.
    first = runs[methods[0]]
    rows += [
        _row(RANDOM, first, RANDOM_INIT, trained=False),
        _row(RAW, first, RAW_INPUTS, trained=False),
    ]
    config = configs[methods[0]][0]
    result: dict[str, Any] = {
        "data": config.data,
        "encoder": config.encoder,
        "epochs": config.epochs,
        "settings": given.get("settings", {}),
        "seeds": seeds,
        "command": command,
        "rows": rows,
        "figure": str(Path(out) / "comparison.png"),
    }
    titles = {method: METHODS[method].title for method in methods}
    titles |= {RANDOM: TITLES[RANDOM_INIT], RAW: TITLES[RAW_INPUTS]}
    named = [{**row, "name": titles[row["name"]]} for row in rows]
    figure = score_plots.score_bars(named, SCORES)
    figure.savefig(result["figure"])
    path = Path(out) / "comparison.json"
    files.write_text(path, json.dumps(result, indent=2) + "\n")
    return result


def _run(
    config: TrainConfig, command: str, console: Console, baselines: bool
) -> dict[str, Any]:
    summary = train(
        config,
        command=command,
        console=console,
        baselines=baselines,
        finish=False,
        resume=True,
    )
    if SCORES[0] not in summary:
        raise ValueError(
            f"A comparison needs labels to score with, and {config.data} has none."
        )
    return summary


def _row(
    name: str, summaries: list[dict[str, Any]], key: str, *, trained: bool = True
) -> dict[str, Any]:
    row: dict[str, Any] = {"name": name}
    for score in SCORES:
        values = [s[key.format(score)] for s in summaries if key.format(score) in s]
        if values:
            row[score] = statistics.mean(values)
        if len(values) == 1:
            ends = zip(ends_of(score), ends_of(key.format(score)), strict=True)
            row |= {end: summaries[0][name] for end, name in ends}
        if len(values) > 1:
            row[f"{score}_sd"] = statistics.stdev(values)
    if trained:
        row["parameters"] = summaries[0]["parameters"]
        row["train_seconds"] = statistics.mean(s["train_seconds"] for s in summaries)
    return row
