# SPDX-License-Identifier: Apache-2.0
"""Whether a training is long enough to learn anything, said before it begins."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cl_keras import methods
from cl_keras.evaluate.diagnosis import Finding
from cl_keras.runs.config import TrainConfig
from cl_keras.runs.encoder_names import is_pretrained
from cl_keras.runs.run_files import CONFIG_FILE, SUMMARY_FILE, read_json
from cl_keras.score_names import KNN, LINEAR, START, baselines_of, ends_of

# Of the shortest training that is known to have learnt.
_TOO_FEW = 0.5


def describe_length(config: TrainConfig, steps: int) -> str:
    """Says how many optimizer steps a training is, beside the usual number."""
    at_most = "at most " if config.patience is not None else ""
    usual = _usual(config.method)
    return (
        f"{at_most}{config.epochs * steps:,} optimizer steps, {config.epochs:,} epochs "
        f"of {steps:,}" + (f"; usual for {_title(config)}: {usual}" if usual else "")
    )


def length_finding(config: TrainConfig, steps: int) -> Finding | None:
    """Judges the number of optimizer steps of a training."""
    usual = methods.get(config.method).usual_steps
    total, least = config.epochs * steps, min(usual, default=0)
    has_learnt = is_pretrained(config.encoder, config.part("encoder"))
    if has_learnt or total >= _TOO_FEW * least:
        return None
    epochs = -(-least // steps)
    text = (
        f"too few optimizer steps to learn: {total:,} ({config.epochs:,} epochs of "
        f"{steps:,}); usual for {_title(config)}: {_usual(config.method)}. Give "
        f"--epochs {epochs:,} or more"
    )
    if steps < least and config.batch_size >= 64:
        text += f", or a smaller --batch-size than {config.batch_size}"
    return Finding("optimizer_steps", float(total), "problem", text)


def baseline_findings(summary: Mapping[str, Any]) -> list[Finding]:
    """Names the scores that are below what there was without this training."""
    findings = []
    for name, title in ((KNN, "kNN"), (LINEAR, "linear")):
        random_init, raw = baselines_of(name)
        high = summary.get(ends_of(name)[1], summary.get(name))
        others = {
            "the raw inputs": summary.get(raw),
            "random weights": summary.get(random_init),
            "the weights it started from": summary.get(START.format(name)),
        }
        better = {
            what: value
            for what, value in others.items()
            if value is not None and high is not None and high < value
        }
        if better:
            listing = " and ".join(f"{what} {x:.3f}" for what, x in better.items())
            text = (
                f"worse than without training: {title} accuracy "
                f"{summary[name]:.3f}, {listing}"
            )
            findings.append(Finding(name, float(summary[name]), "problem", text))
    return findings


def run_findings(run: Path) -> list[Finding]:
    """What a run's own files say of its training: the first things to look at."""
    summary = read_json(run / SUMMARY_FILE)
    found = baseline_findings(summary)
    if "optimizer_steps" in summary and (run / CONFIG_FILE).is_file():
        steps = -(-summary["optimizer_steps"] // summary["epochs"])
        length = length_finding(TrainConfig.load(run / CONFIG_FILE), steps)
        found = [length, *found] if length else found
    return found


def _title(config: TrainConfig) -> str:
    return methods.get(config.method).title


def _usual(method: str) -> str:
    usual = methods.get(method).usual_steps
    return " to ".join(f"{steps:,} ({data})" for steps, data in usual.items())
