# SPDX-License-Identifier: Apache-2.0
"""The names of a run's settings: of which part each is, and what builders take."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from typing import Any

from cl_keras.registry import unknown

# Settings of these have the name of their part before a dot.
HEADS = ("projector", "predictor", "prototypes", "decoder")
PARTS = ("encoder", "augment", *HEADS, "data", "optimizer")
# Parts that an option of their own names.
OPTIONS = ("encoder", "data")


def check_settings(settings: Iterable[str]) -> None:
    """Checks which part of a run each setting is of."""
    for key in settings:
        prefix, dot, name = key.partition(".")
        if dot and prefix not in PARTS:
            raise unknown("part", prefix, PARTS)
        if prefix in PARTS and not name:
            option = f", or the option --{prefix}" if prefix in OPTIONS else ""
            raise ValueError(
                f"Expected what to set of the {prefix}, as in {prefix}.NAME=VALUE"
                f"{option}. Received: {key!r}"
            )


def call_names(function: Callable[..., Any], given: int = 0) -> list[str]:
    """Names the parameters of a builder that settings can reach."""
    # What a class of ours passes on is its parents'.
    builders = [
        part.__init__
        for part in getattr(function, "__mro__", ())
        if part.__module__.startswith("cl_keras.") and "__init__" in vars(part)
    ]
    names: dict[str, None] = {}
    for builder in builders or [function]:
        parameters = inspect.signature(builder).parameters.values()
        names |= {p.name: None for p in parameters if p.kind is not p.VAR_KEYWORD}
        if all(p.kind is not p.VAR_KEYWORD for p in parameters):
            break
    names.pop("self", None)
    return list(names)[given:]
