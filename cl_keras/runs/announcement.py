# SPDX-License-Identifier: Apache-2.0
"""What a run says before its first step."""

from __future__ import annotations

from typing import Any

from cl_keras.runs.checkpoint import Restored
from cl_keras.runs.config import TrainConfig
from cl_keras.runs.health import describe_negatives
from cl_keras.runs.jobs.job import Job
from cl_keras.runs.jobs.scoring import unscorable
from cl_keras.runs.stages import Stages
from cl_keras.runs.training_length import describe_length, length_finding
from cl_keras.workers import Team


def announce(
    config: TrainConfig,
    job: Job,
    model: Any,
    team: Team,
    resumed: Restored | None,
    steps: int,
    stages: Stages,
) -> None:
    """Says what is about to be trained, on what, and for how long."""
    negatives = describe_negatives(model, config.batch_size)
    stages.say(
        f"{config.method} on {config.data}: "
        + ", ".join(
            f"{name} {value:,}" if isinstance(value, int) else f"{name} {value}"
            for name, value in job.facts().items()
        )
        + f", encoder of {model.encoder.count_params():,} parameters"
        + (f"; {negatives}" if negatives else "")
        + (f"; {team.replicas} devices" if team.replicas > 1 else "")
        + (f"; going on from {resumed.path}" if resumed else "")
    )
    stages.say(describe_length(config, steps))
    if finding := length_finding(config, steps):
        stages.say(f"warning: {finding.text}")


def announce_labels(job: Job, stages: Stages) -> None:
    """Says before training that there will be no scores, and why."""
    labelled = job.labelled()
    if labelled is not None and (reason := unscorable(labelled)):
        stages.say(f"warning: the labels cannot be scored: {reason}")
