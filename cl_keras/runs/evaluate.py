# SPDX-License-Identifier: Apache-2.0
"""Evaluates any encoder one may have: of a run, in a file, served, or of the zoo."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import keras
from rich.console import Console

from cl_keras.evaluate import fine_tune
from cl_keras.evaluate.measures import flat, measure_of
from cl_keras.runs.encoder_names import load_target
from cl_keras.runs.jobs.job import Job
from cl_keras.runs.jobs.labelled import LabelledData
from cl_keras.runs.jobs.scoring import unscorable
from cl_keras.runs.served_encoder import ServedEncoder
from cl_keras.runs.stages import Stages
from cl_keras.runs.targets import target_job
from cl_keras.score_names import (
    FINE_TUNE,
    FINE_TUNED,
    FROM_SCRATCH,
    INPUTS,
    RANDOM_INIT,
    TRAINED,
    baseline_names,
    check_metrics,
)

DEFAULT_METRICS = ("knn", "linear")
DEFAULT_SHARE = 0.1


def evaluate(
    target: str,
    *,
    data_spec: str | None = None,
    test_spec: str | None = None,
    probe_spec: str | None = None,
    metrics: Iterable[str] | None = None,
    k: int | None = None,
    fine_tune_share: float | None = None,
    fine_tune_epochs: int = 50,
    fine_tune_seed: int | None = None,
    baselines: bool | Collection[str] = True,
    settings: Mapping[str, Any] | None = None,
    registry: str | None = None,
    console: Console | None = None,
) -> dict[str, Any]:
    """Scores an encoder next to a random one and the raw inputs.

    The same weights get the same numbers, wherever they are. A SavedModel computes
    features but has no architecture to draw anew and cannot be trained on: what needs
    these is left out, and named under `left_out`.

    Args:
        target: A run folder, a `.keras` file, a SavedModel folder (a version or the
            folder of versions), or a name of the zoo.
        data_spec: Data string of the labelled training data. A run knows its own; so
            do files within its folder, an export and an entry of the zoo.
        test_spec: Data string of the test data; see `data.load_splits`.
        probe_spec: Data string of a separate labelled set to score on; see
            `TrainConfig`.
        metrics: Names out of `score_names.ALL_METRICS`, or `"all"`; by default `knn`
            and `linear`.
        k: Most neighbours; by default the run's own, or 200. How many vote is chosen
            on the training part.
        fine_tune_share: Share of the training labels that fine-tuning uses; by
            default that of the entry's card, else a tenth.
        fine_tune_epochs: Passes over them.
        fine_tune_seed: Of the labels drawn and the steps; by default the run's own.
        baselines: What to score beside the encoder: all of `BASELINES` (True), none
            (False), or some of them by name. `random_init` is the same network with
            random weights, `raw` the inputs themselves, `from_scratch` the network
            trained on the labels of fine-tuning alone; each takes about as long as
            the encoder.
        settings: Settings of the data, such as `{"data.label": "speaker"}`; by
            default the run's own.
        registry: Registry directory for zoo names.
        console: Where progress goes; by default standard error.

    Returns:
        The scores with the ends of their 95 % confidence intervals, `<name>_low` and
        `<name>_high`, and what they were computed on. Names are those of
        `score_names.SCORES`.

    Raises:
        ValueError: If a metric or baseline is unknown, no data is named, or the data
            has no labels.

    Example:
    >>> evaluate("runs/demo")["knn_accuracy"]
    0.98...
    """
    if metrics is not None:
        metrics = check_metrics(metrics)
    beside = baseline_names(baselines)
    stages = Stages(console)
    encoder, known = load_target(target, registry)
    names = metrics or DEFAULT_METRICS
    if fine_tune_share is None:
        fine_tune_share = known.get("fine_tune_share", DEFAULT_SHARE)
    job = target_job(
        encoder,
        known,
        target,
        data_spec=data_spec,
        test_spec=test_spec,
        probe_spec=probe_spec,
        k=k,
        settings=settings,
        stages=stages,
    )
    labelled = _labelled(job)
    scores = {"encoder": target, "data": job.config.data, **job.facts()}
    scores["k"] = job.config.neighbors
    left_out: dict[str, str] = {}
    if INPUTS in beside:
        scores["raw_inputs"] = labelled.raw_inputs
    if of_features := [name for name in names if name != FINE_TUNE]:
        measured = job.scores(encoder, of_features, baselines=beside, stages=stages)
        left_out |= measured.pop("left_out", {})
        scores |= measured
        if not left_out.keys().isdisjoint(of_features) and left_out.keys() >= {*names}:
            raise ValueError("; ".join(f"{m}: {left_out[m]}" for m in names))
    if FINE_TUNE in names:
        tuned = _fine_tuned(
            encoder,
            labelled,
            stages,
            share=fine_tune_share,
            epochs=fine_tune_epochs,
            seed=job.config.seed if fine_tune_seed is None else fine_tune_seed,
            from_scratch=FROM_SCRATCH in beside,
        )
        left_out |= tuned.pop("left_out", {})
        scores |= tuned
    return scores | ({"left_out": left_out} if left_out else {})


def _labelled(job: Job) -> LabelledData:
    """The examples that scores are computed on, or what is missing for it."""
    labelled = job.labelled()
    if labelled is None:
        advice = f"put the {job.unit} of each class into a folder of its own"
        if job.unit in ("nodes", "graphs"):
            advice = f"give labels of {job.unit}, such as labels.csv beside edges.csv"
        raise ValueError(
            f"Evaluation needs labels, and {job.config.data} has none: {advice}, or "
            "name labelled data with --probe-data."
        )
    if reason := unscorable(labelled.labels):
        raise ValueError(
            "Expected examples of at least two classes, in training and test part. "
            f"Received: {job.config.data}, where {reason}"
        )
    return labelled


def _fine_tuned(
    encoder: keras.Model | ServedEncoder,
    labelled: LabelledData,
    stages: Stages,
    **options: Any,
) -> dict[str, Any]:
    if isinstance(encoder, ServedEncoder):
        return {"left_out": {FINE_TUNE: "a SavedModel cannot be trained on"}}
    if labelled.inputs is None:
        return {"left_out": {FINE_TUNE: labelled.no_inputs}}
    (train_x, test_x), (train_y, test_y) = labelled.inputs, labelled.labels
    options["augment"] = labelled.augment
    doing = "fine-tuning" + ", and training from scratch" * options["from_scratch"]
    with stages(doing):
        result = fine_tune(encoder, train_x, train_y, test_x, test_y, **options)
    scores: dict[str, Any] = {"fine_tune_labels": result.labels}
    both = {TRAINED: result.hits, RANDOM_INIT: result.hits_random_init}
    for key, hits in both.items():
        if hits is not None:
            scores |= flat({FINE_TUNED: measure_of(hits)}, key)
    return scores
