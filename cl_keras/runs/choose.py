# SPDX-License-Identifier: Apache-2.0
"""A training that is chosen, and said, before its first step."""

from __future__ import annotations

import dataclasses
import math
import time
from typing import Any

from cl_keras import check
from cl_keras.runs.command import begun
from cl_keras.runs.config import TrainConfig
from cl_keras.runs.data_glance import Glance, glance
from cl_keras.runs.jobs.job import open_source
from cl_keras.runs.optimizer import PACE_SETTING
from cl_keras.runs.pilot import Pilot, run_pilot
from cl_keras.runs.plan import (
    LEAST_EPOCHS,
    METHODS,
    MOST_EPOCHS,
    WARMUP,
    rule,
    step_seconds,
    time_limit,
)
from cl_keras.runs.time_limit import TimeLimit


@dataclasses.dataclass(frozen=True)
class Plan:
    """A training that was chosen.

    Attributes:
        config: All its numbers; another time they give the same training.
        limit: When it ends, whatever the machine does.
        reasons: A paragraph that says what was chosen, and why.
    """

    config: TrainConfig
    limit: TimeLimit
    reasons: str


def choose(
    data: str,
    minutes: float,
    *,
    method: str | None = None,
    settings: dict[str, Any] | None = None,
    began: float | None = None,
    draw: bool = True,
    **given: Any,
) -> Plan:
    """Chooses method, encoder, sizes, length and rate of a training.

    No label is read. Some steps of the real model on this data are timed; the length is
    what fits into the time, evaluation and export included.

    Args:
        data: Data string.
        minutes: Time for everything, from now on.
        method: A key of `cl_keras.methods.METHODS`; by default that of the data's kind.
        settings: Settings that are given, as of `TrainConfig`.
        began: When the time began, by `time.monotonic`; by default now.
        draw: Whether figures and a report are wanted.
        **given: Fields of `TrainConfig` that are given, and not chosen.

    Returns:
        The plan: `runs.train(plan.config, limit=plan.limit)` follows it.

    Raises:
        ValueError: If the time is too short for a step, or the data is of pairs.

    Example:
    >>> plan = choose("digits", minutes=30)
    >>> plan.config.method, plan.config.encoder, plan.config.image_size
    ('simclr', 'zoo:simclr_compact_cifar10', 32)
    """
    began = time.monotonic() if began is None else began
    check.positive(minutes=minutes)
    given = {name: value for name, value in given.items() if value is not None}
    given = {"data": data, "out": "runs/run"} | given

    def configured(name: str, **chosen: Any) -> TrainConfig:
        own = {**chosen.pop("settings", {}), **(settings or {})}
        return TrainConfig.for_method(name, **{**chosen, **given}, settings=own)

    seen = glance(open_source(configured(method or "simclr")), given.get("test_data"))
    name = method or METHODS.get(seen.kind)
    if name is None:
        raise ValueError(
            "Expected images, recordings, series or a graph, to choose a training for. "
            f"Received: {data}, which is {seen.kind} data: give a method and --epochs"
        )
    options = rule(name, seen, **{k: v for k, v in given.items() if k == "encoder"})
    candidates = [configured(name, **chosen) for chosen in options]
    candidates = [c for i, c in enumerate(candidates) if c not in candidates[:i]]
    pilot = run_pilot(candidates[len(candidates) // 2])
    is_graph = seen.kind in ("node", "graph")
    most = given.get("epochs", candidates[0].epochs if is_graph else MOST_EPOCHS)
    for config in candidates:
        limit = time_limit(config, seen, pilot, 60 * minutes, began, draw)
        left = limit.training - pilot.trace_seconds
        steps = int(left / step_seconds(config, pilot))
        if steps >= LEAST_EPOCHS * pilot.steps:
            break
    if steps < 1:
        raise ValueError(
            f"Expected more than {minutes:g} minutes: loading {data}, compiling and "
            f"scoring take {minutes - left / 60:.1f} here"
        )
    limit = dataclasses.replace(limit, most=most * pilot.steps)
    steps = min(steps, most * pilot.steps)
    chosen: dict[str, Any] = {"epochs": math.ceil(steps / pilot.steps)}
    if "warmup_epochs" not in given:
        chosen["warmup_epochs"] = round(WARMUP * steps / pilot.steps, 4)
    pace = {f"optimizer.{PACE_SETTING}": [[0, 0], [steps, steps]]}
    config = dataclasses.replace(config, **chosen, settings=config.settings | pace)
    reasons = _reasons(config, seen, pilot, steps, minutes, limit, draw)
    return Plan(config, limit, reasons)


def planned(
    minutes: float, *, resume: bool, began: float, draw: bool, **given: Any
) -> Plan:
    """The plan of the run that is there to go on with, else a new one."""
    if (recipe := given.pop("recipe", None)) is not None:
        raise ValueError(f"Expected a recipe or minutes. Received: {recipe}, {minutes}")
    settings = given.pop("settings", None) or {}
    there = begun(draw=draw, settings=settings, **given) if resume else None
    config, limit, _ = there or (None, None, "")
    if config is not None and limit is not None:
        return Plan(config, limit, f"{config.out} goes on as it was chosen.")
    given["data"] = given.get("data") or "digits"
    return choose(minutes=minutes, began=began, draw=draw, settings=settings, **given)


def _reasons(
    config: TrainConfig,
    seen: Glance,
    pilot: Pilot,
    steps: int,
    minutes: float,
    limit: TimeLimit,
    draw: bool,
) -> str:
    """What was chosen, and why, as a paragraph."""
    what = f"{seen.count:,} {_UNITS[seen.kind]} to train on"
    size = f" at {config.image_size} pixels" if config.image_size else ""
    each = step_seconds(config, pilot)
    text = (
        f"Chosen for {minutes:g} minutes, and {what}: {config.method} with the encoder "
        f"{config.encoder}{size}, batches of {config.batch_size}, a learning rate of "
        f"{config.learning_rate:.2g}. A step takes about {each:.2g} s here, so "
        f"{limit.training:.0f} s of training have about {steps:,} steps, "
        f"{steps / pilot.steps:.1f} passes over the data; the other "
        f"{limit.total - limit.training:.0f} s are for loading, scores and export."
    )
    if draw and not limit.draw:
        text += " Figures and report would not fit; --resume makes them afterwards."
    return f"{text} Any option that you give is kept; config.json has them all."


_UNITS = {
    **{"colour": "colour images", "grey": "grey images", "recording": "recordings"},
    **{"series": "series", "node": "nodes of a graph", "graph": "nodes of graphs"},
}
