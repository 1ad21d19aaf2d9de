# SPDX-License-Identifier: Apache-2.0
"""Do the numbers of an entry's card come again?"""

from __future__ import annotations

from typing import NamedTuple

from cl_keras import zoo
from cl_keras.runs.evaluate import evaluate
from cl_keras.score_names import FINE_TUNED, RANDOM_INIT, baselines_of, metrics_of
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


def verify_scores(name: str, *, registry: str | None = None) -> list[ScoreCheck]:
    """Computes every number of an entry's card again, on its data.

    Its scores, and those of random weights and raw inputs beside them (but for the
    network that fine-tuning is compared with: it is trained from scratch). A difference
    of more than half a point fails; so do data that is not there and files that are
    not the published ones.

    Args:
        name: The entry.
        registry: Registry directory of your own.

    Returns:
        A check for each number.

    Raises:
        ValueError: If there is no such entry.
    """
    row = zoo.info(name, registry=registry)
    if not metrics_of(row.scores):
        return [ScoreCheck(name, "scores", True, "the row has none")]
    try:
        found = evaluate(name, registry=registry)
    except (ValueError, OSError) as error:
        return [ScoreCheck(name, "scores", False, f"{row.data}: {error}")]
    checks = []
    for score, then in _numbers(row).items():
        now = found.get(score)
        if now is None:
            checks.append(ScoreCheck(name, score, False, "was not computed"))
            continue
        # Written so that NaN fails.
        ok = bool(abs(now - then) <= TOLERANCE)
        detail = f"{then:.4f} on the card, {now:.4f} now"
        checks.append(ScoreCheck(name, score, ok, detail))
    return checks


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
