# SPDX-License-Identifier: Apache-2.0
"""What a run knows of its encoder, for those who take the encoder alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cl_keras.runs.config import TrainConfig
from cl_keras.runs.continuation import directory_of
from cl_keras.runs.run_files import CONFIG_FILE, SUMMARY_FILE, read_json

# Settings of the data that only training reads.
_OF_TRAINING = {"view_sizes"}


def run_facts(path: Path) -> dict[str, Any]:
    """What the run knows that a file or a folder of versions lies in, if any."""
    for parent in list(path.resolve().parents)[:3]:
        config = parent / CONFIG_FILE
        try:
            found = read_json(config)
        except ValueError:
            continue  # Others have files of this name too.
        if {"method", "data", "neighbors"} <= found.keys():
            return config_facts(config)
    return {}


def config_facts(path: Path) -> dict[str, Any]:
    """The configuration of a run, as far as others use it."""
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
    given = {k: v for k, v in config.part("data").items() if k not in _OF_TRAINING}
    found = {f"data.{name}": value for name, value in given.items()}
    if "flip" in (views := config.part("augment")):
        found["augment.flip"] = views["flip"]
    return found
