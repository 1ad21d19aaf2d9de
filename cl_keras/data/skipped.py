# SPDX-License-Identifier: Apache-2.0
"""Says which files were left out, where the caller sees it."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence


def warn_of_skipped(skipped: Sequence[str], total: int, place: object) -> None:
    """Says how many files were left out, and names the first."""
    if skipped:
        warn_caller(
            f"Skipped {len(skipped)} of {total} files in {place}: "
            f"{'; '.join(skipped[:3])}" + (" ..." if len(skipped) > 3 else "")
        )


def warn_caller(text: str) -> None:
    """Warns in the name of the line that called this package."""
    depth, frame = 2, sys._getframe(1)
    while frame.f_back and frame.f_globals.get("__name__", "").startswith("cl_keras."):
        depth, frame = depth + 1, frame.f_back
    warnings.warn(text, stacklevel=depth)
