# SPDX-License-Identifier: Apache-2.0
"""Where a training starts that goes on with a pretrained encoder."""

from __future__ import annotations

import math
import warnings
from typing import Any

import keras
from rich.console import Console

from cl_keras.evaluate import OnlineEvaluation
from cl_keras.evaluate.diagnosis import Finding
from cl_keras.runs.checkpoint import Progress
from cl_keras.runs.encoder_names import build_encoder, is_pretrained
from cl_keras.runs.jobs.job import Job
from cl_keras.runs.stages import Stages

_START, _ONLINE = "start_knn_accuracy", "online_knn_accuracy"
# Evaluations of a training, each of which encodes all labelled examples.
_EVALUATIONS = 20
# So many in a row, each so many standard errors lower, are no accident.
_PATIENCE, _ERRORS = 3, 2


class StartingPoint(keras.callbacks.Callback):
    """Scores the encoder before its first step, and warns where training loses it.

    Adds `start_knn_accuracy` to the logs of each epoch: it comes after the evaluation
    in the list of callbacks, and before those that read the logs.

    Args:
        evaluation: The evaluation during training, whose scores it reads.
        progress: Where training stands, which remembers the score.
        console: Where it is printed.
    """

    def __init__(
        self, evaluation: OnlineEvaluation, progress: Progress, console: Console
    ) -> None:
        super().__init__()
        self.evaluation = evaluation
        self.progress = progress
        self.console = console
        self.findings: list[Finding] = []
        self._below = 0

    def on_train_begin(self, logs: Any = None) -> None:  # noqa: D102
        if _START in self.progress.facts:
            return
        score = self.evaluation.scores("at the start")[_ONLINE]
        self.progress.facts[_START] = score
        self._say(f"start: kNN accuracy {score:.3f} of the encoder as it is")

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:  # noqa: D102
        start = self.progress.facts[_START]
        logs[_START] = start
        if (score := logs.get(_ONLINE)) is None:
            return
        margin = _ERRORS * math.sqrt(start * (1 - start) / self.evaluation.examples)
        # NaN is below too.
        self._below = 0 if score >= start - margin else self._below + 1
        if self._below == _PATIENCE:
            text = (
                f"the encoder is getting worse: kNN accuracy {score:.3f} after epoch "
                f"{epoch + 1}, below the {start:.3f} it started with in {_PATIENCE} "
                "evaluations in a row. Try a lower --learning-rate, "
                "optimizer.layer_decay=0.75 or encoder.freeze"
            )
            self.findings.append(Finding("start", float(score), "problem", text))
            warnings.warn(text, RuntimeWarning, stacklevel=2)
            self._say(f"warning: {text}")

    def _say(self, text: str) -> None:
        Stages(self.console).say(text)


def evaluation_of(job: Job) -> OnlineEvaluation | None:
    """The evaluation during training: of a pretrained encoder also by own labels."""
    if not starts_pretrained(job):
        return job.online_evaluation()
    every = max(1, job.config.epochs // _EVALUATIONS)
    return job.online_evaluation(1 if job.probe else every, own=True)


def starts_pretrained(job: Job) -> bool:
    """Whether a training starts from weights that have learnt before."""
    config = job.config
    return is_pretrained(config.encoder, config.part("encoder"))


def starting_encoder(job: Job) -> keras.Model | None:
    """The encoder that a training starts from, where it has learnt before."""
    config = job.config
    if not starts_pretrained(job) or "," in config.encoder:
        return None
    return build_encoder(config.encoder, job.input_shape, {}, config.part("encoder"))
