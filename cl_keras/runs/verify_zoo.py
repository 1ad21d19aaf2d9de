# SPDX-License-Identifier: Apache-2.0
"""Does the zoo hold what its cards say?"""

from __future__ import annotations

from typing import NamedTuple

from cl_keras import zoo
from cl_keras.evaluate.measures import METRICS
from cl_keras.runs.entry import FINE_TUNE_SHARE, is_score
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


class ZooCheck(NamedTuple):
    """One thing that was checked: of which entry, what, whether it holds, and why."""

    name: str
    what: str
    ok: bool
    detail: str


def verify_zoo(
    name: str | None = None, *, scores: bool = False, registry: str | None = None
) -> list[ZooCheck]:
    """Compares entries' files, and on demand their scores, with what rows say.

    Args:
        name: An entry; by default all.
        scores: Whether to compute the scores of the cards again, on their data, too.
            A difference of more than half a point fails.
        registry: Registry directory of your own.

    Returns:
        A check for each file, and for each score.

    Raises:
        ValueError: If there is no such entry.
    """
    checks = []
    for entry in [name] if name is not None else zoo.list(registry=registry):
        files = zoo.verify(entry, registry=registry)
        checks += [ZooCheck(entry, file.path, file.ok, file.detail) for file in files]
        if scores and all(file.ok for file in files):
            checks += _scores(entry, registry)
    return checks


def _scores(entry: str, registry: str | None) -> list[ZooCheck]:
    row = zoo.info(entry, registry=registry)
    wanted = [
        metric
        for metric in (*METRICS, FINE_TUNE)
        if any(
            score.startswith(start)
            for score in row.scores
            for start, of in _METRIC_OF.items()
            if of == metric
        )
    ]
    if not wanted:
        return [ZooCheck(entry, "scores", True, "the row has none")]
    try:
        found = evaluate(
            entry, metrics=wanted, fine_tune_share=FINE_TUNE_SHARE, registry=registry
        )
    except (ValueError, OSError) as error:
        return [ZooCheck(entry, "scores", False, f"{row.data}: {error}")]
    checks = []
    for score, value in row.scores.items():
        now, then = found.get(score), value["mean"]
        if now is None or then is None or not is_score(score):
            checks.append(ZooCheck(entry, score, False, "was not computed"))
            continue
        # Written so that NaN fails.
        ok = bool(abs(now - then) <= TOLERANCE)
        detail = f"{then:.4f} on the card, {now:.4f} now"
        checks.append(ZooCheck(entry, score, ok, detail))
    return checks
