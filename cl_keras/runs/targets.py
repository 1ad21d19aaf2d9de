# SPDX-License-Identifier: Apache-2.0
"""An encoder by its name, with what is known of it, and the data to score it on."""

from __future__ import annotations

import dataclasses
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras

from cl_keras import zoo
from cl_keras.artifact import ENCODER_FILE
from cl_keras.runs.config import TrainConfig
from cl_keras.runs.continuation import directory_of, located_data
from cl_keras.runs.jobs.job import Job, load_job, open_source
from cl_keras.runs.recording_rate import rate_to_read
from cl_keras.runs.run_files import CONFIG_FILE, SUMMARY_FILE, read_json
from cl_keras.runs.served_encoder import ServedEncoder, served_facts, version_folder
from cl_keras.runs.stages import Stages
from cl_keras.score_names import metrics_of


def load_target(
    target: str, registry: str | None = None
) -> tuple[keras.Model | ServedEncoder, dict[str, Any]]:
    """Loads an encoder, also a served one, with what is known of its data."""
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
    """Loads the data that an encoder is evaluated on."""
    own = data_spec is None or data_spec == known.get("data")
    data_spec = data_spec or known.get("data")
    if own:
        test_spec = test_spec or known.get("test_data")
        probe_spec = probe_spec or known.get("probe_data")
    if data_spec is None:
        if probe_spec is None:
            raise ValueError(f"Name the data to evaluate {target} on with --data.")
        data_spec, probe_spec = probe_spec, None
    # How labels stand in file names holds for a run's own data only.
    options = (known.get("settings", {}) if own else {}) | dict(settings or {})
    config = located_data(
        TrainConfig(
            known.get("method", ""),
            data_spec,
            out="",
            test_data=test_spec,
            probe_data=probe_spec,
            seed=known.get("seed", 0),
            neighbors=known.get("neighbors", 200) if k is None else k,
            settings=options,
        ),
        # A run's own data is where the run found it.
        known.get("directory") if own else None,
    )
    source = open_source(config)
    if source.modality == "audio":
        given = (settings or {}).get("data.sample_rate")
        rate = {"data.sample_rate": rate_to_read(encoder, known, given)}
        config = dataclasses.replace(config, settings=options | rate)
    elif source.modality == "image":
        # Images are made as the encoder takes them.
        size, channels = image_format(encoder)
        if channels is not None and not options.get("data.stream"):
            options = options | {"data.channels": channels}
        config = dataclasses.replace(config, image_size=size, settings=options)
    with (stages or Stages())(f"loading {config.data}"):
        return load_job(config, source)


def image_format(encoder: Any) -> tuple[int | tuple[int, int] | None, int | None]:
    """Says which images an encoder takes."""
    shape = encoder.input_shape
    if not isinstance(shape, tuple) or len(shape) != 4:
        return None, None
    _, height, width, channels = shape
    if height is None or width is None:
        return None, channels
    return height if height == width else (height, width), channels


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
    """Settings of a run that evaluation needs."""
    found = {f"data.{name}": value for name, value in config.part("data").items()}
    if "flip" in (views := config.part("augment")):
        found["augment.flip"] = views["flip"]
    return found


def _load_file(path: Path) -> keras.Model:
    if not path.is_file():
        raise FileNotFoundError(f"No encoder at {path}. Has the run finished?")
    if not zipfile.is_zipfile(path):
        raise ValueError(f"Expected a .keras archive. Received: {path}, which is none")
    try:
        model = keras.saving.load_model(path, compile=False, safe_mode=True)
    except (TypeError, ValueError) as error:  # Keras's words hold all of the config.
        raise ValueError(
            f"Keras cannot load {path}: {str(error).partition('. ')[0][:200]}. Classes "
            "of your own must be registered (keras.saving.register_keras_serializable) "
            "and imported; Python lambdas are never loaded. Or export the model where "
            "it was made, with export.saved_model, and name that folder."
        ) from error
    # A whole method is as good as its encoder.
    return getattr(model, "encoder", model)
