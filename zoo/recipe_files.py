# SPDX-License-Identifier: Apache-2.0
"""Recipes: how an encoder is trained, whether it was trained here or not."""

from __future__ import annotations

import dataclasses
import json
import shlex
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cl_keras.registry import unknown

_FOLDER = Path(__file__).resolve().parent / "recipes"
_OWN = ("method", "data", "note", "hardware", "minutes", "expected", "published")


@dataclasses.dataclass(frozen=True)
class Recipe:
    """One file of `recipes/`.

    Args:
        name: Name of the recipe; that of the entry it makes, where there is one.
        method: Key of the training method.
        data: Data string; relative paths are looked for under `$CL_KERAS_DATA`.
        options: Other options of `cl-keras train`, by the names of their parameters,
            such as `batch_size`.
        settings: What follows `--set`, by name.
        note: What to know of it: where the data comes from, what differs from the
            paper.
        hardware: What it was trained on here; empty if it was not.
        minutes: How long that took, evaluation included; None if it was not.
        expected: The scores it got, by name.
        published: Numbers from the literature, each with its conditions.

    Example:
    >>> Recipe("mine", "simclr", "digits", {"epochs": 5}, {"temperature": 0.2}).command
    'cl-keras train simclr --data digits --epochs 5 --set temperature=0.2'
    """

    name: str
    method: str
    data: str
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    note: str = ""
    hardware: str = ""
    minutes: float | None = None
    expected: Mapping[str, float] = dataclasses.field(default_factory=dict)
    published: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def ran(self) -> bool:
        """Whether it was trained here, to its end."""
        return bool(self.hardware)

    @property
    def command(self) -> str:
        """The command line that says the same."""
        words = ["cl-keras", "train", self.method, "--data", self.data]
        for name, value in self.options.items():
            words += [f"--{name.replace('_', '-')}", str(value)]
        for name, value in self.settings.items():
            text = value if isinstance(value, str) else json.dumps(value)
            words += ["--set", f"{name}={text.replace(', ', ',')}"]
        return shlex.join(words)


def recipes() -> list[str]:
    """Lists the names of the recipes.

    Returns:
        Sorted names.

    Example:
    >>> "simclr_compact_digits" in recipes()
    True
    """
    return sorted(path.stem for path in _FOLDER.glob("*.toml"))


def recipe(name: str) -> Recipe:
    """Reads a recipe.

    Args:
        name: A name that `recipes` returns.

    Returns:
        The recipe.

    Raises:
        ValueError: If there is none of this name (near ones are suggested), or its
            file is not one.

    Example:
    >>> recipe("simclr_compact_digits").method
    'simclr'
    """
    if name not in recipes():
        raise unknown("recipe", name, recipes())
    path = _FOLDER / f"{name}.toml"
    try:
        content = tomllib.loads(path.read_text("utf-8"))
        for key in ("method", "data"):
            if not isinstance(content.get(key), str):
                raise ValueError(f"it has no text `{key}`")
        if not isinstance(content.get("settings", {}), Mapping):
            raise ValueError("`settings` is no table")
        settings = _flat(content.pop("settings", {}))
        own = {key: content.pop(key) for key in _OWN if key in content}
        return Recipe(name=name, options=content, settings=settings, **own)
    except (ValueError, TypeError, RecursionError) as error:
        raise ValueError(f"{path} is no recipe: {error}") from error


def _flat(table: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Settings by their dotted names, as TOML's tables hold them."""
    found: dict[str, Any] = {}
    for key, value in table.items():
        if isinstance(value, Mapping):
            found |= _flat(value, f"{prefix}{key}.")
        else:
            found[prefix + key] = value
    return found
