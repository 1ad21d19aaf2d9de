# SPDX-License-Identifier: Apache-2.0
"""The parts of our docstrings."""

from __future__ import annotations

import inspect
import re
from typing import Any

SECTION = re.compile(r"^(Args|Raises|Reference|Example|Returns|Attributes):$", re.M)


def sections(thing: Any) -> dict[str, str]:
    """Text by section; `""` is what stands before the first."""
    parts = SECTION.split(inspect.getdoc(thing) or "")
    texts = [inspect.cleandoc("\n" + text) for text in parts[2::2]]
    return {"": parts[0].strip()} | dict(zip(parts[1::2], texts, strict=True))


def arguments(thing: Any) -> list[tuple[str, str, str]]:
    """Name, default and meaning of each argument that `Args` has."""
    described = re.findall(
        r"^(\*{0,2}\w+): (.*(?:\n +.*)*)", sections(thing).get("Args", ""), re.M
    )
    parameters = inspect.signature(thing).parameters
    rows = []
    for name, text in described:
        default = getattr(parameters.get(name), "default", inspect.Parameter.empty)
        value = "" if default is inspect.Parameter.empty else f"`{default!r}`"
        rows.append((name, value, " ".join(text.split())))
    return rows


def example(thing: Any) -> str:
    """The example's code without its output."""
    lines = sections(thing).get("Example", "").splitlines()
    return "\n".join(line[4:] for line in lines if line.startswith((">>> ", "... ")))
