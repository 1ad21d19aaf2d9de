# SPDX-License-Identifier: Apache-2.0
"""What a run says before its first step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cl_keras import methods
from cl_keras.runs.health import describe_negatives
from cl_keras.runs.jobs.scoring import unscorable
from cl_keras.runs.stages import Stages
from cl_keras.runs.training import Training
from cl_keras.runs.training_length import describe_length, length_finding


def facts_text(facts: Mapping[str, Any]) -> str:
    """Says what data holds, as in `1,438 training images, 359 test images`."""
    parts = []
    for name, value in facts.items():
        if name == "sample_rate":
            parts.append(f"{value:,} Hz")
        elif value:
            what = name.replace("train_", "training_").replace("_", " ")
            if value == 1 and not what.endswith("series"):
                what = what.removesuffix("s")
            parts.append(f"{value:,} {what}")
    return ", ".join(parts)


def announce(
    training: Training, model: Any, stages: Stages, *, labels: bool, timed: bool = False
) -> None:
    """Says what is about to be trained, on what, and for how long."""
    config, team, resumed = training.config, training.team, training.resumed
    negatives = describe_negatives(model, config.batch_size)
    stages.say(
        f"{methods.get(config.method).title} on {config.data}: "
        + facts_text(training.job.facts())
        + f"; encoder of {model.encoder.count_params():,} parameters"
        + (f"; {negatives}" if negatives else "")
        + (f"; {team.replicas} devices" if team.replicas > 1 else "")
        + (f"; going on from {resumed.path}" if resumed else "")
    )
    stages.say("about " * timed + describe_length(config, training.steps))
    if finding := length_finding(config, training.steps):
        stages.say(f"warning: {finding.text}")
    # Before training: afterwards it is late to learn that there are no scores.
    job = training.job.probe or training.job
    known = job.own_labels() if labels else None
    if known is not None and (reason := unscorable(known)):
        stages.say(f"warning: the labels cannot be scored: {reason}")
