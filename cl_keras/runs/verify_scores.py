# SPDX-License-Identifier: Apache-2.0
"""Do the numbers of an entry's card come again?"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from cl_keras import zoo
from cl_keras.runs.evaluate import evaluate
from cl_keras.runs.raw_inputs import of_row
from cl_keras.score_names import (
    FINE_TUNED,
    INPUTS,
    RANDOM,
    RANDOM_INIT,
    RAW,
    baselines_of,
    ends_of,
    metrics_of,
)
from cl_keras.zoo.row import Row

#: Largest difference of a score: half a percentage point.
TOLERANCE = 0.005
_FROM_SCRATCH = RANDOM_INIT.format(FINE_TUNED)


class ScoreCheck(NamedTuple):
    """One number of a card: of which entry, which, whether it comes again, and why."""

    name: str
    score: str
    ok: bool
    detail: str


def verify_scores(*names: str, registry: str | None = None) -> list[ScoreCheck]:
    """Computes every number of entries' cards again, on their data.

    Their scores, and those of random weights and raw inputs beside them (but for the
    network that fine-tuning is compared with: it is trained from scratch). A difference
    of more than half a point fails; of random weights and raw inputs it may be larger
    if the card's number lies in today's 95 % interval. Data that is not there and files
    that are not the published ones fail, too. Raw inputs, and random weights of one
    architecture, that entries share are scored once.

    Args:
        *names: The entries.
        registry: Registry directory of your own.

    Returns:
        A check for each number, entry by entry.

    Raises:
        ValueError: If there is no such entry.
    """
    rows = [zoo.info(name, registry=registry) for name in names]
    shared: dict[str, dict[str, float]] = {}
    return [check for row in rows for check in _checks(row, registry, shared)]


def _checks(
    row: Row, registry: str | None, shared: dict[str, dict[str, float]]
) -> list[ScoreCheck]:
    """Checks one entry; `shared` keeps scores of baselines for those that follow."""
    if not (metrics := metrics_of(row.scores)):
        return [ScoreCheck(row.name, "scores", True, "the row has none")]
    numbers, same = _numbers(row), _baselines(row)
    beside = [
        name
        for name, (pattern, key) in same.items()
        if not _come_again(numbers, pattern, shared.get(key, {}))
    ]
    try:
        found = evaluate(row.name, metrics=metrics, baselines=beside, registry=registry)
    except (ValueError, OSError) as error:
        return [ScoreCheck(row.name, "scores", False, f"{row.data}: {error}")]
    for name, (pattern, key) in same.items():
        if name in beside:
            shared[key] = {score: found[score] for score in _of(found, pattern)}
        found |= shared[key]
    checks = []
    baselines = {name for pattern, _ in same.values() for name in _of(numbers, pattern)}
    for score, then in numbers.items():
        now = found.get(score)
        if now is None:
            checks.append(ScoreCheck(row.name, score, False, "was not computed"))
            continue
        # Written so that NaN fails.
        ok = bool(abs(now - then) <= TOLERANCE)
        if score in baselines:
            # On another processor the penalty that is chosen may be the next one.
            low, high = (found.get(end, math.nan) for end in ends_of(score))
            ok |= bool(low <= then <= high)
        detail = f"{then:.4f} on the card, {now:.4f} now"
        checks.append(ScoreCheck(row.name, score, ok, detail))
    return checks


def _baselines(row: Row) -> dict[str, tuple[str, str]]:
    """The names of a baseline's scores, and what they are the same for."""
    network = row.encoder, row.parameters, row.features
    return {
        RANDOM: (RANDOM_INIT, repr((network, of_row(row)))),
        INPUTS: (RAW, of_row(row)),
    }


def _of(scores: Iterable[str], pattern: str) -> list[str]:
    """Those of scores that are a baseline's."""
    start, end = pattern.split("{}")
    return [name for name in scores if name.startswith(start) and name.endswith(end)]


def _come_again(
    numbers: Mapping[str, float], pattern: str, known: Mapping[str, float]
) -> bool:
    """Whether a baseline's numbers are those known: else it is another's, or wrong."""
    return all(
        abs(numbers[score] - known.get(score, math.nan)) <= TOLERANCE
        for score in _of(numbers, pattern)
    )


def _numbers(row: Row) -> dict[str, float]:
    """What was computed for the card; other baselines are of other makers.

    Not the network trained from scratch: of the same files it came out 0.9 points apart
    (`dim_conv_cifar10`, 500 labels), and fine-tuning from the entry's weights 0.3.
    """
    numbers = {}
    for score, value in row.scores.items():
        numbers[score] = value["value"]
        for baseline in baselines_of(score):
            if baseline in row.baselines and baseline != _FROM_SCRATCH:
                numbers[baseline] = row.baselines[baseline]
    return numbers
