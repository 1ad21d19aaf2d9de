# SPDX-License-Identifier: Apache-2.0
"""From a finished run to a zoo entry."""

from __future__ import annotations

import dataclasses
import json
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from cl_keras import zoo
from cl_keras.artifact import ENCODER_FILE, PROJECTOR_FILE
from cl_keras.runs.config import TrainConfig
from cl_keras.runs.encoder_names import load_encoder
from cl_keras.runs.evaluate import DEFAULT_METRICS, evaluate
from cl_keras.runs.known_facts import config_settings
from cl_keras.runs.raw_inputs import known_scores, read_as
from cl_keras.runs.recording_rate import rate_of
from cl_keras.runs.renew import settings_of
from cl_keras.runs.report import load_run
from cl_keras.runs.rounding import round_run
from cl_keras.runs.run_files import CONFIG_FILE, read_summary
from cl_keras.runs.run_files import saved_model as saved_model_of
from cl_keras.score_names import (
    BASELINES,
    FINE_TUNE,
    FROM_SCRATCH,
    KNN,
    LINEAR,
    RANDOM,
    SCORES,
    baselines_of,
    metrics_of,
)
from cl_keras.show.entry_figure import draw_entry
from cl_keras.specification import specification
from cl_keras.zoo.registry import ROWS
from cl_keras.zoo.row import Row

#: Share of the labels that the score `fine_tune` of an entry uses.
FINE_TUNE_SHARE = 0.01
_NOT_RAW = (RANDOM, FROM_SCRATCH)


def entry_name(config: TrainConfig) -> str:
    """Names an entry `method_encoder_dataset`, from what a run was made of.

    Args:
        config: The run's configuration.

    Returns:
        The name.

    Example:
    >>> entry_name(TrainConfig("simclr", "digits", "run"))
    'simclr_compact_digits'
    """
    kind, _, path = config.data.partition(":")
    dataset = Path(path).name or kind
    encoder = config.encoder.removesuffix("_resnet").rpartition(":")[2]
    raw = f"{config.method}_{encoder}_{dataset}".lower()
    return "".join(c if c.isascii() and c.isalnum() else "_" for c in raw)


def add_entry(
    run: Path,
    registry: Path,
    *,
    name: str | None = None,
    recipe: str | None = None,
    metrics: Iterable[str] | None = None,
    repeats: Iterable[Path] = (),
    saved_model: str | None = None,
    round_weights: bool = False,
    license_data: str = "unknown",
    overwrite: bool = False,
) -> Row:
    """Makes a row and a card of a run, and copies its encoder beside them.

    Args:
        run: Folder of a finished run.
        registry: Registry directory; created if missing.
        name: Name of the entry; by default `method_encoder_dataset`.
        recipe: Name of the recipe that it was trained by, instead of its command.
        metrics: Names of scores to compute for the card, as `evaluate` takes them;
            by default those of the run's summary are taken. Fine-tuning uses 1 % of
            the labels.
        repeats: Runs of the same settings with other seeds, for the spread of the
            scores.
        saved_model: A version folder to publish, by default the run's.
        round_weights: Whether to publish weights of half the digits (bfloat16, stored
            as float32), which compress to half the size; they are exported anew, and
            it is them that are scored.
        license_data: Licence of the training data.
        overwrite: Whether to replace an entry of that name, by its next version.

    Returns:
        The row, as `zoo.info(name, registry=registry)` gives it from now on.

    Raises:
        FileNotFoundError: If a run is not finished.
        FileExistsError: If the entry exists and `overwrite` is false.
        ValueError: If there is no such recipe, or a repeat has other settings or a
            seed that is there already.
    """
    folders = [run, *repeats]
    summaries = [read_summary(folder) for folder in folders]
    summary = summaries[0]
    facts = json.loads((run / CONFIG_FILE).read_text())
    config = TrainConfig.load(run / CONFIG_FILE)
    name = name or entry_name(config)
    command = facts.get("command") or f"cl-keras train {config.method}"
    _check_repeats(config, folders[1:])
    published: dict[str, Any] = {}
    if recipe is not None:
        published = dict(zoo.recipe(recipe).published)
        command = f"cl-keras train --recipe {recipe}"
    encoder_file = run / ENCODER_FILE
    served = saved_model or saved_model_of(run, summary)
    if round_weights:
        encoder_file, served = round_run(run, Path(served))
        metrics = DEFAULT_METRICS if metrics is None else metrics
    if metrics is None:
        of_runs = summaries
        names = [name for name in (KNN, LINEAR) if name in summary]
    else:
        first = encoder_file if round_weights else run
        of_runs = _scored([first, *repeats], [*metrics], config, registry)
        names = [name for name in of_runs[0] if name in SCORES]
    numbers = of_runs[0]
    evaluation = _evaluation(config) | settings_of(numbers)
    if FINE_TUNE in metrics_of(names):
        evaluation["fine_tune_share"] = FINE_TUNE_SHARE
    beside = [baseline for name in names for baseline in baselines_of(name)]
    projector = Path(encoder_file).with_name(PROJECTOR_FILE)
    with tempfile.TemporaryDirectory(prefix="cl-keras-entry-") as folder:
        return zoo.publish(
            encoder_file,
            served,
            registry,
            name=name,
            version=_next_version(registry, name),
            method=config.method,
            encoder=config.encoder,
            data=config.data,
            recipe=command,
            seed=config.seed,
            epochs=summary["epochs"],
            scores={name: [scores[name] for scores in of_runs] for name in names},
            baselines={name: numbers[name] for name in beside if name in numbers},
            published=published,
            evaluation=evaluation,
            projector_file=projector if projector.is_file() else None,
            figure=draw_entry(load_run(run), Path(folder)),
            license_data=license_data,
            overwrite=overwrite,
        )


def _next_version(registry: Path, name: str) -> str:
    """Caches keep entries by name and version: new weights need another."""
    if not (registry / ROWS / f"{name}.json").is_file():
        return "1"
    return str(int(zoo.info(name, registry=registry).version) + 1)


def _scored(
    encoders: Sequence[Path],
    metrics: Sequence[str],
    config: TrainConfig,
    registry: Path,
) -> list[dict[str, Any]]:
    """Scores of each run; what stands beside them, of the first only."""
    raw = _scores_of_inputs(encoders[0], metrics, config, registry)
    found = [
        evaluate(
            str(encoder),
            metrics=metrics,
            fine_tune_share=FINE_TUNE_SHARE,
            baselines=encoder is encoders[0] and (BASELINES if not raw else _NOT_RAW),
        )
        for encoder in encoders
    ]
    chosen = found[0].get("chosen", {}) | raw.pop("chosen", {})
    found[0] |= raw | ({"chosen": chosen} if chosen else {})
    return found


def _scores_of_inputs(
    encoder: Path, metrics: Sequence[str], config: TrainConfig, registry: Path
) -> dict[str, Any]:
    """Scores of the raw inputs, where another entry of the registry has them."""
    if not (registry / ROWS).is_dir():
        return {}
    model, facts = load_encoder(str(encoder))
    shape, rate = specification(model).shape, rate_of(model, facts)
    inputs = read_as(config.data, shape, rate, config.seed, _evaluation(config))
    wanted = [
        name
        for name, score in SCORES.items()
        if score.metric in metrics and score.metric != FINE_TUNE
    ]
    return known_scores(zoo.rows(registry=registry), inputs, wanted)


def _check_repeats(config: TrainConfig, repeats: Iterable[Path]) -> None:
    """Refuses runs that differ in more than their seed, before anything is computed."""
    seeds = {config.seed}
    for repeat in repeats:
        other = TrainConfig.load(repeat / CONFIG_FILE)
        if found := config.differences(dataclasses.replace(other, seed=config.seed)):
            raise ValueError(
                "Expected a repeat of the same settings with another seed. Received: "
                f"{repeat}, which differs in {'; '.join(found)}"
            )
        if _evaluation(other) != _evaluation(config):
            raise ValueError(
                "Expected a repeat whose scores were computed alike: "
                f"{_evaluation(config)}. Received: {repeat}, {_evaluation(other)}"
            )
        if other.seed in seeds:
            raise ValueError(
                "Expected a repeat with a seed of its own. Received: "
                f"{repeat}, seed {other.seed}, which is there already"
            )
        seeds.add(other.seed)


def _evaluation(config: TrainConfig) -> dict[str, Any]:
    """What computing the scores again needs."""
    found = {
        "test_data": config.test_data,
        "probe_data": config.probe_data,
        "neighbors": config.neighbors,
        "settings": config_settings(config),
    }
    return {name: value for name, value in found.items() if value is not None}
