# SPDX-License-Identifier: Apache-2.0
"""What went wrong in TensorFlow, in a line that anyone can read."""

from __future__ import annotations

import re

_ASSERTION = re.compile(r"assertion failed: \[(.*?)\](?:\n|$| \[)", re.DOTALL)
# Names of functions, nodes and operations, which stand around what was said.
_INSIDES = re.compile(
    r"\{\{.*?\}\} ?|\[\[.*?\]\]|\[Op:.*"
    r"|Error in user-defined function .*?: Iterator::\S+ "
)
_LONGEST = 160


def brief(error: Exception) -> str:
    """Takes what went wrong out of an error's message."""
    message = getattr(error, "message", str(error))
    if said := re.search(r"Summarized data: b'(.*?)'", message):
        return said[1][:_LONGEST]
    if said := _ASSERTION.search(message):
        return " ".join(said[1].split())[:_LONGEST]
    # A graph's message begins with where in the code its operation is from.
    message = message.rpartition("(most recent call last):")[2].rpartition("\n\n")[2]
    lines = _INSIDES.sub("", message).strip().splitlines()
    return (lines or [type(error).__name__])[0].strip()[:_LONGEST]
