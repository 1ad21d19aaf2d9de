# SPDX-License-Identifier: Apache-2.0
"""A run's configuration, from what a command line says."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from cl_keras.runs.config import TrainConfig
from cl_keras.runs.run_files import CONFIG_FILE, read_json
from cl_keras.runs.settings import check_settings
from cl_keras.runs.time_limit import TimeLimit


def parse_settings(pairs: Iterable[str]) -> dict[str, Any]:
    """Reads `key=value` pairs; values are JSON where they can be.

    Args:
        pairs: Such as `["temperature=0.2", "augment.scale=[0.2, 1.0]"]`.

    Returns:
        Values by key.

    Raises:
        ValueError: If a pair has no `=` or a key twice.

    Example:
    >>> parse_settings(["temperature=0.2", "encoder.stem=small"])
    {'temperature': 0.2, 'encoder.stem': 'small'}
    """
    settings: dict[str, Any] = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if not equals or not key:
            raise ValueError(f"Expected key=value. Received: {pair!r}")
        if key in settings:
            raise ValueError(f"{key!r} is set twice.")
        settings[key] = setting_value(text, key)
    check_settings(settings)
    return settings


def parse_tries(pairs: Iterable[str]) -> dict[str, list[object]]:
    """Reads `name=value,value` pairs, as of `tune`.

    Args:
        pairs: Such as `["learning_rate=1e-3,2e-3", "encoder=resnet18,vit_tiny"]`.

    Returns:
        Values by name.

    Raises:
        ValueError: If a pair has no `=` or no value, or a name comes twice.

    Example:
    >>> parse_tries(["temperature=0.1,0.2", "augment.scale=[0.2,1.0],[0.5,1.0]"])
    {'temperature': [0.1, 0.2], 'augment.scale': [[0.2, 1.0], [0.5, 1.0]]}
    """
    tries: dict[str, list[object]] = {}
    for pair in pairs:
        name, _, text = pair.partition("=")
        if not name or not text:
            raise ValueError(f"Expected name=value,value. Received: {pair!r}")
        name = name.replace("-", "_")
        if name in tries:
            raise ValueError(f"{name!r} is to be tried twice.")
        values = setting_value(f"[{text}]", name)
        tries[name] = [*text.split(",")] if isinstance(values, str) else values
    check_settings(name for name in tries if "." in name)
    return tries


def setting_value(text: str, name: str = "an option") -> Any:
    """Reads one value: JSON where it can be, else the text itself."""
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text
    except (RecursionError, ValueError) as error:  # Of too many brackets, or digits.
        raise ValueError(
            f"Cannot read the value of {name}, {len(text):,} characters: it has too "
            "many brackets or digits"
        ) from error


def configure(method: str | None, recipe: str | None, **given: Any) -> TrainConfig:
    """Configures a run by a method, or by a recipe of the zoo.

    Args:
        method: A key of `cl_keras.methods.METHODS`, or None with a recipe.
        recipe: Name of a recipe, or None.
        **given: As for `TrainConfig.for_method`.

    Returns:
        The configuration.

    Raises:
        ValueError: If neither is given, or a recipe of another method.

    Example:
    >>> configure(None, "simclr_compact_digits", out="run").data
    'digits'
    """
    if recipe is not None:
        config = TrainConfig.for_recipe(recipe, **given)
        if method not in (None, config.method):
            raise ValueError(
                f"Expected no method, or {config.method}, with the recipe {recipe}. "
                f"Received: {method}"
            )
        return config
    if method is None:
        raise ValueError(
            "Expected a method (cl-keras methods lists them), --recipe, --minutes, or "
            "--resume with the folder of a run as --out. Received: none of them"
        )
    data = given.pop("data", None)
    data = "digits" if data is None else data
    return TrainConfig.for_method(method, data=data, **given)


def begun(
    out: str, *, draw: bool, settings: Mapping[str, Any], **given: Any
) -> tuple[TrainConfig, TimeLimit | None, str] | None:
    """The run in a folder, to go on with: all that is not given is as it began.

    Its configuration, its limit of time, if it has one, and the command line that it
    began with, unless something of it has changed. None without a run.
    """
    path = Path(out) / CONFIG_FILE
    if not path.is_file():
        return None
    there, facts = TrainConfig.load(path), read_json(path)
    given = {name: value for name, value in given.items() if value is not None}
    config = dataclasses.replace(
        there, **given, out=out, settings=there.settings | {**settings}
    )
    limit = TimeLimit(**facts["limit"] | {"draw": draw}) if "limit" in facts else None
    command = "" if there.differences(config) else facts.get("command", "")
    return config, limit, command
