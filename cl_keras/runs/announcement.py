# SPDX-License-Identifier: Apache-2.0
"""What a run says before its first step."""

from __future__ import annotations

from typing import Any

from cl_keras.runs.health import describe_negatives
from cl_keras.runs.jobs.scoring import unscorable
from cl_keras.runs.stages import Stages
from cl_keras.runs.training import Training
from cl_keras.runs.training_length import describe_length, length_finding


def announce(training: Training, model: Any, stages: Stages, *, labels: bool) -> None:
    """Says what is about to be trained, on what, and for how long."""
    config, team, resumed = training.config, training.team, training.resumed
    negatives = describe_negatives(model, config.batch_size)
    stages.say(
        f"{config.method} on {config.data}: "
        + ", ".join(
            f"{name} {value:,}" if isinstance(value, int) else f"{name} {value}"
            for name, value in training.job.facts().items()
        )
        + f", encoder of {model.encoder.count_params():,} parameters"
        + (f"; {negatives}" if negatives else "")
        + (f"; {team.replicas} devices" if team.replicas > 1 else "")
        + (f"; going on from {resumed.path}" if resumed else "")
    )
    stages.say(describe_length(config, training.steps))
    if finding := length_finding(config, training.steps):
        stages.say(f"warning: {finding.text}")
    # Before training: afterwards it is late to learn that there are no scores.
    job = training.job.probe or training.job
    known = job.own_labels() if labels else None
    if known is not None and (reason := unscorable(known)):
        stages.say(f"warning: the labels cannot be scored: {reason}")
