# SPDX-License-Identifier: Apache-2.0
"""What follows training: scores, an export and a report, none of which can lose it.

The summary is written before the first of them and after each. One that fails is named
in it, with the reason, and the others go on.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import keras

from cl_keras import export
from cl_keras.runs.checkpoint import Interrupted
from cl_keras.runs.config import TrainConfig
from cl_keras.runs.continuation import directory_of
from cl_keras.runs.embedding_projector import write_projector
from cl_keras.runs.jobs.job import Job
from cl_keras.runs.jobs.scoring import why
from cl_keras.runs.report import write_report
from cl_keras.runs.run_files import (
    FIGURES_FOLDER,
    REPORT_FILE,
    SERVING_FOLDER,
    TENSORBOARD_FOLDER,
    resume_command,
    side_folder,
    write_summary,
)
from cl_keras.runs.stages import Stages
from cl_keras.runs.starting_point import starting_encoder
from cl_keras.runs.time_limit import TimeLimit
from cl_keras.runs.training_length import baseline_findings
from cl_keras.score_names import BASELINES
from cl_keras.show.figures import MAP_POINTS
from cl_keras.show.run_data import read_table
from cl_keras.specification import specification

EVALUATION, EXPORT, PROJECTOR = "evaluation", "export", "projector"
FIGURES, REPORT = "figures", "report"
METRICS = ("knn", "linear")
_BESIDE = "evaluating, next to a random encoder and the raw inputs"
_NO_TIME = "there was no time left"
NOT_ASKED = "was not asked for"


class Scoring(NamedTuple):
    """What an encoder is scored by, and beside what."""

    metrics: Collection[str] = METRICS
    baselines: Collection[str] = BASELINES


SCORING = Scoring()


def stages_of(
    *, evaluate: bool, finish: bool, draw: bool, tensorboard: bool
) -> tuple[str, ...]:
    """Names what is to be done after training, in order."""
    wanted = {
        EVALUATION: evaluate,
        EXPORT: finish,
        PROJECTOR: finish and tensorboard,
        FIGURES: finish and draw,
        REPORT: finish and draw,
    }
    return tuple(name for name, asked in wanted.items() if asked)


def unfinished(summary: dict[str, Any], wanted: tuple[str, ...]) -> tuple[str, ...]:
    """Names what a summary lacks of what is wanted."""
    left_out = summary.get("left_out", {})
    return tuple(name for name in wanted if name in left_out)


def finish_run(
    config: TrainConfig,
    job: Job,
    encoder: keras.Model,
    summary: dict[str, Any],
    wanted: tuple[str, ...],
    stages: Stages,
    scoring: Scoring = SCORING,
    limit: TimeLimit | None = None,
) -> dict[str, Any]:
    """Does what follows training, and writes the summary before and after each part."""
    run, start = Path(config.out), time.perf_counter()
    place = directory_of(run) or Path()
    seconds = summary.get("seconds", summary["train_seconds"])

    def of_sides(do: Callable[..., dict[str, Any]]) -> Callable[[], dict[str, Any]]:
        return lambda: _of_sides(job, encoder, summary, do, stages)

    doing: dict[str, tuple[str, Callable[[], dict[str, Any]]]] = {
        EVALUATION: (
            _BESIDE if scoring.baselines else "evaluating",
            of_sides(partial(_evaluate, scoring)),
        ),
        EXPORT: ("exporting and checking the SavedModel", of_sides(_export)),
        PROJECTOR: (
            "writing the features for the embedding projector",
            lambda: _project(run, job, encoder),
        ),
        FIGURES: ("drawing", lambda: _draw(run, job, encoder)),
        REPORT: ("writing the report", lambda: _report(run)),
    }
    left_out = dict(summary.get("left_out", {}))
    if "seconds" not in summary:  # Of a training that has just ended.
        left_out |= {name: NOT_ASKED for name in doing if name != PROJECTOR}
    left_out |= dict.fromkeys(wanted, f"was not done yet; next: {resume_command(run)}")
    if EVALUATION in wanted:
        for name in (*scoring.metrics, *BASELINES):
            left_out.pop(name, None)

    def write() -> None:
        summary["seconds"] = round(seconds + time.perf_counter() - start, 1)
        summary.pop("left_out", None)
        if left_out:
            summary["left_out"] = left_out
        # Some files turn out to be bad only when they are decoded to be scored.
        # A run that goes on names its files by their whole paths.
        bad = {
            os.path.join(place, text): text
            for text in (*job.skipped, *summary.get("skipped", ()))
        }
        if bad:
            summary["skipped"] = sorted(bad.values())
            summary["skipped_files"] = len(bad)
        write_summary(run, summary)

    write()
    for name in wanted:
        text, do = doing[name]
        if limit is not None and (reason := _no_time(name, limit)):
            left_out[name] = f"{reason}; next: {resume_command(run)}"
            continue
        try:
            with stages(text):
                found = do()
        except KeyboardInterrupt:
            raise Interrupted(
                "Stopped after training, which is finished: the encoder is in "
                f"{run}. The rest: {resume_command(run)}"
            ) from None
        # A figure or a score that cannot be made must not cost the training.
        except Exception as error:  # noqa: BLE001
            left_out[name] = why(error)
            stages.say(f"warning: {name} was left out: {why(error)}")
        else:
            left_out.pop(name, None)
            left_out |= found.pop("left_out", {})
            summary |= found
        write()
    _check_export(run, summary, left_out, wanted)
    return summary


def _no_time(name: str, limit: TimeLimit) -> str:
    """Why a part is left out of a run with a time limit; the export never is."""
    if name == EXPORT:
        return ""
    unplanned = name in (FIGURES, REPORT) and not limit.draw
    return _NO_TIME if unplanned or limit.left() <= 0 else ""


def _of_sides(
    job: Job,
    encoder: keras.Model,
    summary: dict[str, Any],
    do: Callable[..., dict[str, Any]],
    stages: Stages,
) -> dict[str, Any]:
    """Does something with each encoder; of two, by their names."""
    run = Path(job.config.out)
    by_name = {
        name: do(side_folder(run, name), side, one, stages)
        for name, (side, one) in job.sides(run, encoder).items()
    }
    if "" in by_name:
        return by_name[""]
    before, found = summary.get("encoders", {}), dict[str, Any]()
    for name, facts in by_name.items():
        left_out = facts.pop("left_out", {})
        found.setdefault("left_out", {}).update(
            {f"{name}: {score}": reason for score, reason in left_out.items()}
        )
        if "saved_model_ok" in facts:
            ok = found.get("saved_model_ok", True)
            found["saved_model_ok"] = ok and facts["saved_model_ok"]
        if failed := facts.get("saved_model_failed"):
            rows = found.setdefault("saved_model_failed", [])
            rows += [f"{name}: {row}" for row in failed]
        found.setdefault("encoders", {})[name] = before.get(name, {}) | facts
    return found


def _evaluate(
    scoring: Scoring,
    folder: Path,
    job: Job,
    encoder: keras.Model,
    stages: Stages,
) -> dict[str, Any]:
    if job.labelled() is None:
        reason = f"{job.config.data} has no labels"
        return {"left_out": dict.fromkeys(scoring.metrics, reason)}
    start = starting_encoder(job)
    scores = job.scores(
        encoder,
        scoring.metrics,
        baselines=scoring.baselines,
        start=start,
        stages=stages,
    )
    for name, reason in scores.get("left_out", {}).items():
        stages.say(f"warning: no score {name}: {reason}")
    for finding in baseline_findings(scores):
        stages.say(f"warning: {finding.text}")
    return scores


def _export(
    folder: Path, job: Job, encoder: keras.Model, stages: Stages
) -> dict[str, Any]:
    is_audio = specification(encoder).modality == "audio"
    serving = export.saved_model(
        encoder,
        folder / SERVING_FOLDER,
        sample_rate=job.facts().get("sample_rate") if is_audio else None,
        metadata={"method": job.config.method, "data": job.config.data},
    )
    checked = export.check(serving, encoder=encoder)
    failed = [f"{row.name}: {row.detail}" for row in checked.rows if not row.ok]
    found: dict[str, Any] = {
        "saved_model": str(serving),
        "saved_model_ok": checked.ok,
    }
    if failed:
        found["saved_model_failed"] = failed
    return found


def _check_export(
    run: Path,
    summary: dict[str, Any],
    left_out: dict[str, str],
    wanted: tuple[str, ...],
) -> None:
    if EXPORT not in wanted:
        return
    if EXPORT in left_out:
        raise RuntimeError(
            f"The encoder is trained and saved in {run}, but could not be exported: "
            f"{left_out[EXPORT]}"
        )
    if not summary["saved_model_ok"]:
        failed = "; ".join(summary["saved_model_failed"])
        raise RuntimeError(f"The exported model failed its check: {failed}")


def _project(run: Path, job: Job, encoder: keras.Model) -> dict[str, Any]:
    sample = job.sample(MAP_POINTS)
    write_projector(
        run / TENSORBOARD_FOLDER,
        sample.features(encoder),
        sample.columns(),
        sample.images,
    )
    return {}


def _draw(run: Path, job: Job, encoder: keras.Model) -> dict[str, Any]:
    job.draw(run, encoder)
    path = run / FIGURES_FOLDER / "diagnosis.csv"
    findings = read_table(path).column("finding") if path.is_file() else []
    return {"diagnosis": findings}


def _report(run: Path) -> dict[str, Any]:
    write_report(run)
    return {"report": str(run / REPORT_FILE)}
