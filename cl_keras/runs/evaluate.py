# SPDX-License-Identifier: Apache-2.0
"""Evaluates any encoder one may have: of a run, in a file, served, or of the zoo."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import keras
from rich.console import Console

from cl_keras import zoo
from cl_keras.artifact import ENCODER_FILE
from cl_keras.data.spec import modality
from cl_keras.evaluate import fine_tune
from cl_keras.evaluate.baselines import flat
from cl_keras.evaluate.measures import measure_of
from cl_keras.runs.config import TrainConfig
from cl_keras.runs.continuation import directory_of, located_data
from cl_keras.runs.jobs.job import Job, load_job
from cl_keras.runs.jobs.labelled import Pair
from cl_keras.runs.jobs.scoring import unscorable
from cl_keras.runs.recording_rate import rate_to_read
from cl_keras.runs.run_files import CONFIG_FILE, SUMMARY_FILE, read_json
from cl_keras.runs.score_names import FINE_TUNE, check_metrics, metrics_of
from cl_keras.runs.served_encoder import ServedEncoder, served_facts, version_folder
from cl_keras.runs.stages import Stages

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
    baselines: bool = True,
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
        metrics: Names out of `ALL_METRICS`, or `"all"`; by default those on the card
            of an entry of the zoo, else `knn` and `linear`.
        k: Most neighbours; by default the run's own, or 200. How many vote is chosen
            on the training part.
        fine_tune_share: Share of the training labels that fine-tuning uses; by
            default that of the entry's card, else a tenth.
        fine_tune_epochs: Passes over them.
        baselines: Whether to score a random encoder and the raw inputs too, which
            takes as long again for each. Fine-tuning is beside training from scratch
            always.
        settings: Settings of the data, such as `{"data.label": "speaker"}`; by
            default the run's own.
        registry: Registry directory for zoo names.
        console: Where progress goes; by default standard error.

    Returns:
        The scores with the ends of their 95 % confidence intervals, `<name>_low` and
        `<name>_high`, and what they were computed on. Names are those of
        `evaluate.measures.measures`, and `fine_tune_accuracy`.

    Raises:
        ValueError: If a metric is unknown, no data is named, or the data has no
            labels.

    Example:
    >>> evaluate("runs/demo")["knn_accuracy"]
    0.98...
    """
    if metrics is not None:
        metrics = check_metrics(metrics)
    stages = Stages(console)
    encoder, known = load_target(target, registry)
    names = metrics or known.get("metrics") or DEFAULT_METRICS
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
    config = job.config
    labelled = job.labelled()
    if labelled is None:
        advice = f"put the {job.unit} of each class into a folder of its own"
        if job.unit in ("nodes", "graphs"):
            advice = f"give labels of {job.unit}, such as labels.csv beside edges.csv"
        raise ValueError(
            f"Evaluation needs labels, and {config.data} has none: {advice}, or name "
            "labelled data with --probe-data."
        )
    if reason := unscorable(labelled):
        raise ValueError(
            "Expected examples of at least two classes, in training and test part. "
            f"Received: {config.data}, where {reason}"
        )
    scores = {"encoder": target, "data": config.data, **job.facts()}
    scores["k"] = config.neighbors
    left_out: dict[str, str] = {}
    if baselines:
        scores["raw_inputs"] = labelled.raw_inputs
    if of_features := [name for name in names if name != FINE_TUNE]:
        found = job.scores(encoder, of_features, baselines=baselines, stages=stages)
        left_out |= found.pop("left_out", {})
        scores |= found
        if not left_out.keys().isdisjoint(of_features) and left_out.keys() >= {*names}:
            raise ValueError("; ".join(f"{m}: {left_out[m]}" for m in names))
    served = isinstance(encoder, ServedEncoder)
    if served and baselines:
        left_out["random_init"] = (
            "a SavedModel has no architecture that can be built with new weights"
        )
    if FINE_TUNE in names:
        if served:
            left_out[FINE_TUNE] = "a SavedModel cannot be trained on"
        elif labelled.inputs is None:
            left_out[FINE_TUNE] = labelled.no_inputs
        else:
            with stages("fine-tuning, and training from scratch"):
                scores |= _fine_tuned(
                    encoder,
                    labelled.inputs,
                    labelled.labels,
                    share=fine_tune_share,
                    epochs=fine_tune_epochs,
                    seed=config.seed,
                    augment=labelled.augment,
                )
    return scores | ({"left_out": left_out} if left_out else {})


def load_target(
    target: str, registry: str | None = None
) -> tuple[keras.Model | ServedEncoder, dict[str, Any]]:
    """Loads an encoder, also a served one, with what is known of its data.

    Args:
        target: As `load_encoder` takes it, or a SavedModel folder.
        registry: Registry directory for zoo names.

    Returns:
        The encoder, and what `load_encoder` says of it.

    Raises:
        ValueError: If there is no encoder.
    """
    path = Path(target)
    version = None if (path / CONFIG_FILE).is_file() else version_folder(path)
    if version is None:
        return load_encoder(target, registry)
    return ServedEncoder(version), served_facts(version) | _run_facts(version)


def load_encoder(
    target: str, registry: str | None = None
) -> tuple[keras.Model, dict[str, Any]]:
    """Loads an encoder with what is known of its data.

    Args:
        target: A run folder, a `.keras` file, or a name of the zoo.
        registry: Registry directory for zoo names.

    Returns:
        The encoder, and as far as they are known `method`, `data`, `test_data`,
        `probe_data`, `seed`, `neighbors`, `sample_rate` and the `settings` of the data;
        a file within a run's folder knows what the run knows, an entry its `metrics`.
    """
    path = Path(target)
    if (path / CONFIG_FILE).is_file():
        encoder = _load_file(path / ENCODER_FILE)
        return encoder, _config_facts(path / CONFIG_FILE)
    if path.suffix == ".keras":
        return _load_file(path), _run_facts(path)
    if path.is_dir():
        raise ValueError(
            f"{path} is a folder but not a run: {CONFIG_FILE} is missing there."
        )
    row = zoo.info(target, registry=registry)
    encoder = zoo.load(target, registry=registry)
    known = {"data": row.data, "seed": row.seed, "metrics": metrics_of(row.scores)}
    return encoder, {**known, "sample_rate": row.sample_rate, **row.evaluation}


def _fine_tuned(
    encoder: keras.Model, inputs: Pair, labels: Pair, **options: Any
) -> dict[str, Any]:
    (train_x, test_x), (train_y, test_y) = inputs, labels
    result = fine_tune(encoder, train_x, train_y, test_x, test_y, **options)
    name = "fine_tune_accuracy"
    return {
        "fine_tune_labels": result.labels,
        **flat({name: measure_of(result.hits)}),
        **flat({name: measure_of(result.hits_random_init)}, "{}_random_init"),
    }


def target_job(
    encoder: Any,
    known: dict[str, Any],
    target: str,
    *,
    data_spec: str | None = None,
    test_spec: str | None = None,
    probe_spec: str | None = None,
    k: int | None = None,
    settings: Mapping[str, Any] | None = None,
    stages: Stages | None = None,
) -> Job:
    """Loads the data that an encoder is evaluated on.

    Args:
        encoder: The encoder.
        known: What `load_target` says of it.
        target: Where it is from, for messages.
        data_spec: As for `evaluate`, like all that follow.
        test_spec: Data string of the test data.
        probe_spec: Data string of a separate labelled set.
        k: Most neighbours.
        settings: Settings of the data.
        stages: Where progress is shown; by default standard error.

    Returns:
        The job.

    Raises:
        ValueError: If no data is named, or it cannot be loaded.
    """
    own = data_spec is None or data_spec == known.get("data")
    data_spec = data_spec or known.get("data")
    if own:
        test_spec = test_spec or known.get("test_data")
        probe_spec = probe_spec or known.get("probe_data")
    if data_spec is None:
        if probe_spec is None:
            raise ValueError(f"Name the data to evaluate {target} on with --data.")
        data_spec, probe_spec = probe_spec, None
    shape = encoder.input_shape
    is_image = isinstance(shape, tuple) and len(shape) == 4
    # How labels stand in file names holds for a run's own data only.
    options = (known.get("settings", {}) if own else {}) | dict(settings or {})
    config = located_data(
        TrainConfig(
            known.get("method", ""),
            data_spec,
            out="",
            test_data=test_spec,
            probe_data=probe_spec,
            # Images are made as large as the encoder takes them.
            image_size=shape[1] if is_image else None,
            seed=known.get("seed", 0),
            neighbors=known.get("neighbors", 200) if k is None else k,
            settings=options,
        ),
        # A run's own data is where the run found it.
        known.get("directory") if own else None,
    )
    if modality(config.data) == "audio":
        given = (settings or {}).get("data.sample_rate")
        rate = {"data.sample_rate": rate_to_read(encoder, known, given)}
        config = dataclasses.replace(config, settings=options | rate)
    with (stages or Stages())(f"loading {config.data}"):
        return load_job(config)


def _run_facts(path: Path) -> dict[str, Any]:
    """What the run knows that a file or a folder of versions lies in, if any."""
    for parent in list(path.resolve().parents)[:3]:
        config = parent / CONFIG_FILE
        try:
            found = read_json(config)
        except ValueError:
            continue  # Others have files of this name too.
        if {"method", "data", "neighbors"} <= found.keys():
            return _config_facts(config)
    return {}


def _config_facts(path: Path) -> dict[str, Any]:
    config = TrainConfig.load(path)
    names = ("method", "data", "test_data", "probe_data", "seed", "neighbors")
    facts = {name: getattr(config, name) for name in names}
    facts |= {"settings": config_settings(config)}
    return facts | {
        "directory": directory_of(path.parent),
        "sample_rate": read_json(path.with_name(SUMMARY_FILE)).get("sample_rate"),
    }


def config_settings(config: TrainConfig) -> dict[str, Any]:
    """Settings of a run that evaluation needs.

    Args:
        config: The run.

    Returns:
        Those of its data, and whether mirrored images are others.

    Example:
    >>> config_settings(TrainConfig("simclr", "digits", "run"))
    {}
    """
    found = {f"data.{name}": value for name, value in config.part("data").items()}
    if "flip" in (views := config.part("augment")):
        found["augment.flip"] = views["flip"]
    return found


def _load_file(path: Path) -> keras.Model:
    if not path.is_file():
        raise FileNotFoundError(f"No encoder at {path}. Has the run finished?")
    model = keras.saving.load_model(path, compile=False, safe_mode=True)
    # A whole method is as good as its encoder.
    return getattr(model, "encoder", model)
