# SPDX-License-Identifier: Apache-2.0
"""Settings that a job takes itself."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from cl_keras.registry import unknown


def take_options(
    options: dict[str, Any], part: str, known: Iterable[str]
) -> dict[str, Any]:
    """Checks the names of settings.

    Args:
        options: Settings of one part, without its prefix.
        part: The prefix, for the message.
        known: Names that there are.

    Returns:
        The settings, to be changed at will.

    Raises:
        ValueError: For another name; near ones are suggested.

    Example:
    >>> take_options({"window": 800}, "data", ("window", "pattern"))
    {'window': 800}
    """
    known = list(known)
    for name in options:
        if name not in known:
            raise unknown(f"{part} setting", name, known)
    return dict(options)
