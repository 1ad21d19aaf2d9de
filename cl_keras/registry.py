# SPDX-License-Identifier: Apache-2.0
"""Errors for names that a table does not hold, with the nearest known ones."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def unknown(kind: str, name: object, known: Iterable[str]) -> ValueError:
    """Builds the error for an unknown name."""
    names = sorted(known)
    near = difflib.get_close_matches(str(name), names, n=3, cutoff=0.5)
    hint = f" Did you mean {' or '.join(map(repr, near))}?" if near else ""
    listing = ", ".join(names) or "none"
    return ValueError(f"Unknown {kind} {name!r}.{hint} Known: {listing}.")
