# SPDX-License-Identifier: Apache-2.0
"""Scores of raw inputs, which entries of the same data share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from cl_keras.score_names import RAW
from cl_keras.zoo.row import Row

# Of an evaluation, what the encoder's own choices are, or is said of the inputs.
_OF_THE_ENCODER = {"chosen", "intervals", "fine_tune_share", "raw_inputs"}
_START = RAW.format("")


def read_as(
    data: str,
    shape: Any,
    sample_rate: int | None,
    seed: int,
    evaluation: Mapping[str, Any],
) -> str:
    """All that the scores of raw inputs depend on, but for the metrics."""
    same = {k: v for k, v in evaluation.items() if k not in _OF_THE_ENCODER}
    return repr((data, shape, sample_rate, seed, sorted(same.items())))


def of_row(row: Row) -> str:
    """The same of an entry."""
    return read_as(row.data, row.input_shape, row.sample_rate, row.seed, row.evaluation)


def known_scores(
    rows: Iterable[Row], inputs: str, scores: Iterable[str]
) -> dict[str, Any]:
    """What an entry of the same inputs says of them; empty if none says all."""
    names = {RAW.format(score) for score in scores}
    for row in rows:
        if of_row(row) == inputs and names <= row.baselines.keys():
            chosen = row.evaluation.get("chosen", {})
            return {
                **{name: row.baselines[name] for name in sorted(names)},
                "raw_inputs": row.evaluation.get("raw_inputs", ""),
                "chosen": {k: v for k, v in chosen.items() if k.startswith(_START)},
            }
    return {}
