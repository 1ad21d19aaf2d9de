# SPDX-License-Identifier: Apache-2.0
"""Checks of arguments that many functions make, each with one message."""

from __future__ import annotations

import math
from collections.abc import Iterable

from cl_keras.registry import unknown


# All are written so that NaN fails.
def at_least(least: float, **values: float) -> None:
    """Checks numbers against the smallest that is allowed."""
    for name, value in values.items():
        if not value >= least:
            raise ValueError(
                f"`{name}` must be at least {least}. Received: {name}={value}"
            )


def positive(**values: float) -> None:
    """Checks numbers that may be neither 0 nor infinite."""
    for name, value in values.items():
        if not 0 < value < math.inf:
            limits = "finite" if value > 0 else "positive"
            raise ValueError(f"`{name}` must be {limits}. Received: {name}={value}")


def not_negative(**values: float) -> None:
    """Checks numbers that may be 0."""
    for name, value in values.items():
        if not value >= 0:
            raise ValueError(f"`{name}` must not be negative. Received: {name}={value}")


def between(least: float, most: float, **values: float) -> None:
    """Checks numbers against the smallest and the largest that are allowed."""
    for name, value in values.items():
        if not least <= value <= most:
            raise ValueError(
                f"`{name}` must be from {least} to {most}. Received: {name}={value}"
            )


def share_below_one(**values: float) -> None:
    """Checks shares that may not be all."""
    for name, value in values.items():
        if not 0 <= value < 1:
            raise ValueError(
                f"`{name}` must be at least 0 and below 1. Received: {name}={value}"
            )


def one_of(what: str, value: object, allowed: Iterable[str]) -> None:
    """Checks a name against those that are allowed."""
    if value not in (allowed := tuple(allowed)):
        raise unknown(what, value, allowed)
