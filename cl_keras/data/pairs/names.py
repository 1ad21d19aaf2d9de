# SPDX-License-Identifier: Apache-2.0
"""Names of the two inputs of a pair, and of columns and groups."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any


def names_in(text: Any) -> list[Any]:
    """Names from a list, or from one text with commas between them."""
    if isinstance(text, str):
        return [part.strip() for part in text.split(",")]
    return list(text) if isinstance(text, list | tuple) else [text]


def two_names(given: Sequence[str] | None, usual: Iterable[str]) -> list[str]:
    """What the two inputs are called."""
    wanted = [*usual] if given is None else names_in(given)
    if len({*wanted}) != 2 or len(wanted) != 2:
        raise ValueError(f"Expected two names of the inputs. Received: {given!r}")
    return wanted


def names_of_places(given: Sequence[str] | None, places: Sequence[str]) -> list[str]:
    """What the two inputs are called that lie in two places."""
    alike = places[0] == places[1]
    return two_names(given, ["first", "second"] if alike else places)
