# SPDX-License-Identifier: Apache-2.0
"""What several runs differ in, and their scores side by side."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from typing import Any, NamedTuple

from cl_keras.score_names import TITLES, title_of
from cl_keras.show.making import flat, words
from cl_keras.show.run_data import RunData
from cl_keras.show.scores import interval_text, score_keys, score_text

_NONE = "–"


class Row(NamedTuple):
    """A name, a text of each run, whether it is a side matter, and which is best."""

    name: str
    texts: list[str]
    soft: bool = False
    best: Set[int] = frozenset()


def differences(runs: Iterable[RunData]) -> list[Row]:
    """Settings that are not the same."""
    configs = [flat(run.config) for run in runs]
    rows = []
    for key in dict.fromkeys(key for config in configs for key in config):
        values = [config.get(key) for config in configs]
        if key != "out" and any(value != values[0] for value in values):
            texts = [_NONE if value is None else words(value) for value in values]
            # As on the command line: `--set key=value`; all else in words.
            name = key.removeprefix("settings.")
            rows.append(Row(name if name != key else key.replace("_", " "), texts))
    return rows


def score_rows(summaries: list[Mapping[str, Any]]) -> list[Row]:
    """All scores with their baselines, and the loss."""
    rows = []
    for key in dict.fromkeys(key for x in summaries for key in score_keys(x)):
        for pattern, name in TITLES.items():
            values = [summary.get(pattern.format(key)) for summary in summaries]
            if all(value is None for value in values):
                continue
            texts = [_score(key, pattern.format(key), x) for x in summaries]
            if pattern == "{}":
                top = max(value for value in values if value is not None)
                best = {order for order, value in enumerate(values) if value == top}
                rows.append(Row(title_of(key), texts, best=best))
            else:
                title = f"{title_of(key)}, {name.lower()}"
                rows.append(Row(title, texts, soft=True))
    losses = [summary.get("loss") for summary in summaries]
    if any(loss is not None for loss in losses):
        texts = [_NONE if loss is None else f"{loss:.4g}" for loss in losses]
        rows.append(Row("Final loss", texts, soft=True))
    return rows


def _score(key: str, name: str, summary: Mapping[str, Any]) -> str:
    value = summary.get(name)
    if value is None:
        return _NONE
    return score_text(key, float(value)) + interval_text(key, summary, name)
