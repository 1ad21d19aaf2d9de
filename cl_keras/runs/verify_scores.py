# SPDX-License-Identifier: Apache-2.0
"""Do the numbers of an entry's card come again?"""

from __future__ import annotations

from typing import NamedTuple

from cl_keras import zoo
from cl_keras.runs.entry import FINE_TUNE_SHARE
from cl_keras.runs.evaluate import FINE_TUNE, evaluate

#: Largest difference of a score: half a percentage point.
TOLERANCE = 0.005
# The metric that gives a score, by what the score's name begins with.
_METRIC_OF = {
    "knn": "knn",
    "linear": "linear",
    "few_labels": "few_labels",
    "recall": "retrieval",
    "mean_average": "retrieval",
    "nmi": "clustering",
    "ari": "clustering",
    "fine_tune": FINE_TUNE,
}


class ScoreCheck(NamedTuple):
    """One score of a card: of which entry, which, whether it comes again, and why."""

    name: str
    score: str
    ok: bool
    detail: str


def verify_scores(name: str, *, registry: str | None = None) -> list[ScoreCheck]:
    """Computes the scores of an entry's card again, on its data.

    A difference of more than half a point fails; so do data that is not there and
    files that are not the published ones.

    Args:
        name: The entry.
        registry: Registry directory of your own.

    Returns:
        A check for each score.

    Raises:
        ValueError: If there is no such entry.
    """
    row = zoo.info(name, registry=registry)
    wanted = {
        metric
        for score in row.scores
        for start, metric in _METRIC_OF.items()
        if score.startswith(start)
    }
    if not wanted:
        return [ScoreCheck(name, "scores", True, "the row has none")]
    try:
        found = evaluate(
            name,
            metrics=sorted(wanted),
            fine_tune_share=FINE_TUNE_SHARE,
            registry=registry,
        )
    except (ValueError, OSError) as error:
        return [ScoreCheck(name, "scores", False, f"{row.data}: {error}")]
    checks = []
    for score, value in row.scores.items():
        now, then = found.get(score), value["value"]
        if now is None:
            checks.append(ScoreCheck(name, score, False, "was not computed"))
            continue
        # Written so that NaN fails.
        ok = bool(abs(now - then) <= TOLERANCE)
        detail = f"{then:.4f} on the card, {now:.4f} now"
        checks.append(ScoreCheck(name, score, ok, detail))
    return checks
