# SPDX-License-Identifier: Apache-2.0
"""Evaluates any encoder one may have: of a run, in a file, served, or of the zoo."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import keras

from cl_keras import zoo
from cl_keras.artifact import ENCODER_FILE
from cl_keras.data.spec import modality
from cl_keras.evaluate import fine_tune
from cl_keras.evaluate.baselines import flat
from cl_keras.evaluate.measures import measure_of
from cl_keras.registry import unknown
from cl_keras.runs.config import TrainConfig
from cl_keras.runs.jobs.job import Job, load_job
from cl_keras.runs.jobs.labelled import Pair
from cl_keras.runs.recording_rate import rate_to_read
from cl_keras.runs.run_files import CONFIG_FILE, SUMMARY_FILE, read_json
from cl_keras.runs.score_names import ALL_METRICS, FINE_TUNE, metrics_of
from cl_keras.runs.served_encoder import ServedEncoder, served_facts, version_folder

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
        k: Number of neighbours; by default the run's own, or 200.
        fine_tune_share: Share of the training labels that fine-tuning uses; by
            default that of the entry's card, else a tenth.
        fine_tune_epochs: Passes over them.
        baselines: Whether to score a random encoder and the raw inputs too, which
            takes as long again for each. Fine-tuning is beside training from scratch
            always.
        settings: Settings of the data, such as `{"data.label": "speaker"}`; by
            default the run's own.
        registry: Registry directory for zoo names.

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
    encoder, known = load_target(target, registry)
    names = metrics or known.get("metrics") or DEFAULT_METRICS
    if fine_tune_share is None:
        fine_tune_share = known.get("fine_tune_share", DEFAULT_SHARE)
    job = _job(
        encoder,
        known,
        target,
        data_spec=data_spec,
        test_spec=test_spec,
        probe_spec=probe_spec,
        k=k,
        settings=settings,
    )
    config = job.config
    labelled = job.labelled()
    if labelled is None:
        raise ValueError(
            f"Evaluation needs labels, and {config.data} has none: put the images of "
            "each class into a folder of its own, or name labelled data with "
            "--probe-data."
        )
    scores = {"encoder": target, "data": config.data, **job.facts()}
    scores["k"] = config.neighbors
    if of_features := [name for name in names if name != FINE_TUNE]:
        scores |= job.scores(encoder, of_features, baselines=baselines)
    left_out = {}
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
            scores |= _fine_tuned(
                encoder,
                labelled.inputs,
                labelled.labels,
                share=fine_tune_share,
                epochs=fine_tune_epochs,
                seed=config.seed,
            )
    return scores | ({"left_out": left_out} if left_out else {})


def check_metrics(metrics: Iterable[str]) -> list[str]:
    """Checks names of metrics.

    Args:
        metrics: Names out of `ALL_METRICS`, or `"all"`.

    Returns:
        The names, each once.

    Raises:
        ValueError: If a name is unknown, or there is none.

    Example:
    >>> check_metrics(["knn", "linear", "knn"])
    ['knn', 'linear']
    """
    names = list(dict.fromkeys(metrics))
    if not names:
        raise ValueError(f"Expected metrics: {', '.join(ALL_METRICS)}. Received: none")
    if "all" in names:
        return list(ALL_METRICS)
    for name in names:
        if name not in ALL_METRICS:
            raise unknown("metric", name, [*ALL_METRICS, "all"])
    return names


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


def _job(
    encoder: Any,
    known: dict[str, Any],
    target: str,
    *,
    data_spec: str | None,
    test_spec: str | None,
    probe_spec: str | None,
    k: int | None,
    settings: Mapping[str, Any] | None,
) -> Job:
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
    if modality(data_spec) == "audio":
        given = (settings or {}).get("data.sample_rate")
        options["data.sample_rate"] = rate_to_read(encoder, known, given)
    return load_job(
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
        )
    )


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
    settings = {f"data.{name}": value for name, value in config.part("data").items()}
    return {
        **{name: getattr(config, name) for name in names},
        "settings": settings,
        "sample_rate": read_json(path.with_name(SUMMARY_FILE)).get("sample_rate"),
    }


def _load_file(path: Path) -> keras.Model:
    if not path.is_file():
        raise FileNotFoundError(f"No encoder at {path}. Has the run finished?")
    model = keras.saving.load_model(path, compile=False, safe_mode=True)
    # A whole method is as good as its encoder.
    return getattr(model, "encoder", model)
