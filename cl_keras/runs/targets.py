# SPDX-License-Identifier: Apache-2.0
"""The data to score an encoder on."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from cl_keras.runs.config import TrainConfig
from cl_keras.runs.continuation import located_data
from cl_keras.runs.jobs.job import Job, load_job, open_source
from cl_keras.runs.recording_rate import rate_to_read
from cl_keras.runs.stages import Stages


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
    options = data_settings(data_spec, known, settings)
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


def data_settings(
    spec: str,
    known: Mapping[str, Any],
    settings: Mapping[str, Any] | None = None,
    pattern: str | None = None,
    label: str | None = None,
) -> dict[str, Any]:
    """How data is read: a run's own, and other series, as the run has read its own."""
    kind, of_run = spec.partition(":")[0], known.get("data") or ""
    # Names of files hold for the run's own only; columns are what its encoder takes.
    alike = kind in ("csv", "pairs") and of_run.startswith(f"{kind}:")
    before = dict(known.get("settings", {}) if alike or spec == of_run else {})
    named = {"data.pattern": pattern, "data.label": label}
    given = {name: value for name, value in named.items() if value is not None}
    given |= settings or {}
    if "data.pattern" in given:
        for name in ("data.label", "data.group"):
            before.pop(name, None)
    return before | given


def image_format(encoder: Any) -> tuple[int | tuple[int, int] | None, int | None]:
    """Says which images an encoder takes."""
    shape = encoder.input_shape
    if not isinstance(shape, tuple) or len(shape) != 4:
        return None, None
    _, height, width, channels = shape
    if height is None or width is None:
        return None, channels
    return height if height == width else (height, width), channels
