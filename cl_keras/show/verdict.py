# SPDX-License-Identifier: Apache-2.0
"""What a run comes to, in one sentence, and what to do next."""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Iterable, Mapping
from typing import Any, Literal, NamedTuple

from cl_keras.method_table import METHODS
from cl_keras.score_names import KNN, LINEAR, RANDOM_INIT, RAW, START, ends_of, title_of
from cl_keras.show.charts import is_number
from cl_keras.show.run_data import RunData
from cl_keras.show.scores import score_keys, score_text

_WHAT = {
    RANDOM_INIT: "random weights",
    START: "the weights it started from",
    RAW: "the raw inputs",
}
_COLLAPSED, _STEPS = "embedding_std", "optimizer_steps"


class Step(NamedTuple):
    """Something to do, and the command that does it."""

    text: str
    command: str


class Verdict(NamedTuple):
    """One sentence, how good it is, and what to do next."""

    level: Literal["good", "warning", "problem"]
    sentence: str
    steps: list[Step]


class _Beside(NamedTuple):
    """A score beside one that it has to beat: by how much, and if beyond chance."""

    what: str
    points: float
    order: int  # 1: above, 0: within the confidence interval, -1: below.

    def __str__(self) -> str:
        if self.order == 0:
            return f"level with {self.what}"
        side = "above" if self.order > 0 else "below"
        return f"{abs(self.points):.1f} points {side} {self.what}"


def verdict(run: RunData) -> Verdict:
    """Judges a run by its first score, or by its checks where there are no labels."""
    findings = _findings(run)
    if findings.get(_COLLAPSED) == "problem":
        sentence = "The encoder has collapsed: all inputs get nearly the same features."
        too_short = findings.get(_STEPS) == "problem"
        again = _longer(run) if too_short else _gentler(run)
        return Verdict("problem", sentence, [again, _other_methods(run)])
    key = _first_score([run])
    if key is None:
        return _without_labels(run, findings)
    beside = _beside(run.summary, key)
    score = f"{score_text(key, run.summary[key])} ({_plain(title_of(key))})"
    lead = _lead([each.order for each in beside], beside)
    sentence = ", ".join([f"{lead} {score}", " and ".join(map(str, beside))])
    sentence = sentence.removesuffix(", ") + "."
    lowest = min((each.order for each in beside), default=1)
    if lowest > 0:
        return Verdict("good", sentence, _uses(run))
    orders = {x.what: x.order for x in beside}
    is_problem = orders.get(_WHAT[RANDOM_INIT], 1) < 0
    # What is lost on the way from pretrained weights is not found by going on.
    again = _gentler(run) if orders.get(_WHAT[START], 0) < 0 else _longer(run)
    level: Literal["warning", "problem"] = "problem" if is_problem else "warning"
    return Verdict(level, sentence, [again, _other_methods(run)])


def best_of(runs: Mapping[str, RunData]) -> Verdict:
    """Names the run with the highest score, and whether others are within chance."""
    key = _first_score(runs.values())
    scored = {
        name: run.summary
        for name, run in runs.items()
        if key is not None and is_number(run.summary.get(key))
    }
    if key is None or len(scored) < 2:
        return Verdict("warning", "There are no scores to compare the runs by.", [])
    best = max(scored, key=lambda name: scored[name][key])
    low = scored[best].get(ends_of(key)[0], scored[best][key])
    score = f"{score_text(key, scored[best][key])} ({_plain(title_of(key))})"
    level = [name for name, x in scored.items() if name != best and x[key] >= low]
    if level:
        sentence = (
            f"{best} scores highest, {score}, but {' and '.join(level)} "
            f"{'lies' if len(level) == 1 else 'lie'} within its confidence interval."
        )
        return Verdict("warning", sentence, [])
    return Verdict("good", f"{best} scores highest: {score}.", [])


def _first_score(runs: Iterable[RunData]) -> str | None:
    """The score to judge by: kNN, which nothing is trained for, where it is there."""
    keys = [key for run in runs for key in score_keys(run.summary)]
    return next((key for key in (KNN, LINEAR, *keys) if key in keys), None)


def _lead(orders: list[int], beside: list[_Beside]) -> str:
    behind = [each.what for each in beside if each.order < 0]
    if behind:
        return f"Not yet better than {behind[0]}: the trained encoder scores"
    if 0 in orders:
        level = next(each.what for each in beside if each.order == 0)
        return f"No clear gain over {level}: the trained encoder scores"
    if orders:
        return "Training paid off: the trained encoder scores"
    return "The trained encoder scores"


def _beside(summary: Mapping[str, Any], key: str) -> list[_Beside]:
    value = float(summary[key])
    low, high = (summary.get(end, value) for end in ends_of(key))
    found = []
    for pattern, what in _WHAT.items():
        other = summary.get(pattern.format(key))
        if is_number(other):
            order = (low > other) - (high < other)
            found.append(_Beside(what, 100 * (value - other), order))
    return found


def _findings(run: RunData) -> dict[str, str]:
    if "diagnosis" not in run.tables:
        return {}
    table = run.tables["diagnosis"]
    return dict(zip(table.column("measure"), table.column("level"), strict=True))


def _without_labels(run: RunData, findings: Mapping[str, str]) -> Verdict:
    sentence = "There are no labels to score the encoder with"
    count = sum(level != "good" for level in findings.values())
    if findings and not count:
        sentence += "; no check of its features finds anything wrong"
    elif count:
        checks = "check of its features says" if count == 1 else "checks say"
        sentence += f"; {count} {checks} to look closer"
    score = Step(
        "Score it on a folder with a subfolder for each class.",
        f"cl-keras evaluate {_folder(run)} --data folder:LABELLED",
    )
    return Verdict(
        "warning" if count else "good", f"{sentence}.", [score, *_uses(run)[:2]]
    )


def _uses(run: RunData) -> list[Step]:
    folder, data = _folder(run), _data(run)
    embed = Step(
        "Compute the features of a data set.",
        f"cl-keras embed {folder} {data} --out features.npz",
    )
    search = Step(
        "Find what is most similar to a file of yours.",
        f"cl-keras neighbors {folder} --data {data} --query FILE",
    )
    serve = Step(
        "Serve the encoder with TensorFlow Serving.",
        f"cl-keras export {folder} serving/encoder",
    )
    # A graph has no files to search by.
    return [embed, serve] if _kind(run) == "graph" else [embed, search, serve]


def _longer(run: RunData) -> Step:
    if minutes := re.search(r" --minutes[ =](\S+)", run.command):
        return _again(run, "Train longer.", {"minutes": f"{3 * float(minutes[1]):g}"})
    epochs = int(run.summary.get("epochs") or len(run.history) or 1)
    method, steps = METHODS.get(_method(run)), run.summary.get("optimizer_steps")
    more = 3 * epochs
    if method and method.usual_steps and steps:
        # At least the shortest training that is known to have learnt.
        more = max(more, math.ceil(min(method.usual_steps) * epochs / steps))
    return _again(run, "Train longer.", {"epochs": more})


def _gentler(run: RunData) -> Step:
    rate = float(run.config.get("learning_rate") or 1e-3)
    options = {"learning-rate": f"{rate / 10:g}"}
    return _again(run, "Train again with a tenth of the learning rate.", options)


def _again(run: RunData, text: str, changes: Mapping[str, object]) -> Step:
    command = run.command or f"cl-keras train {_method(run)} --data {_data(run)}"
    for option, value in {**changes, "out": f"{_folder(run)}_2"}.items():
        command = re.sub(rf" --{option}[ =]\S+", "", command) + f" --{option} {value}"
    return Step(text, command)


def _other_methods(run: RunData) -> Step:
    method, kind = _method(run), _kind(run)
    other = next(
        name
        for name, row in METHODS.items()
        if name != method and row.modalities[0] == kind
    )
    return Step(
        "Compare it with another method (cl-keras methods lists them).",
        f"cl-keras compare {method} {other} --data {_data(run)}",
    )


def _kind(run: RunData) -> str:
    method = _method(run)
    return METHODS[method].modalities[0] if method in METHODS else "image"


def _method(run: RunData) -> str:
    return str(run.summary.get("method") or run.config.get("method") or "simclr")


def _data(run: RunData) -> str:
    data = run.summary.get("data") or run.config.get("data") or "DATA"
    return shlex.quote(str(data))


def _folder(run: RunData) -> str:
    return shlex.quote(str(run.config.get("out") or run.name))


def _plain(title: str) -> str:
    """A title within a sentence."""
    return title[:1].lower() + title[1:] if title[1:2].islower() else title
