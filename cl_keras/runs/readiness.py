# SPDX-License-Identifier: Apache-2.0
"""What the checks of `doctor` come to: one sentence, and one command to run next.

Standard library only, as `doctor` itself.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Protocol

_FIX = re.compile(
    r'pip install "[^"]+"|unset TF_USE_LEGACY_KERAS|KERAS_BACKEND=tensorflow'
)


class _Check(Protocol):
    """A `doctor.Check`, whose module may have been loaded alone."""

    @property
    def name(self) -> str: ...
    @property
    def state(self) -> str: ...
    @property
    def detail(self) -> str: ...


def readiness(checks: Sequence[_Check]) -> tuple[str, str]:
    """Says whether this machine is ready, and the command to run next."""
    if broken := [check for check in checks if check.state == "broken"]:
        names = ", ".join(check.name for check in broken)
        # What fails last may fail because of what fails first.
        return f"Not ready. This does not work: {names}.", _fix(broken[0].detail)
    found = {check.name: check for check in checks}
    on = f"Ready to train on {found['devices'].detail}"
    gpus, scores = found["gpus"].detail, found["extra eval"]
    if scores.state == "missing":
        return f"{on}, without scores, figures and digits.", _fix(scores.detail)
    if found["gpus"].state == "missing" and "pip install" in gpus:
        return f"{on}; the NVIDIA GPU is not used yet.", _fix(gpus)
    return f"{on}.", "cl-keras demo"


def _fix(detail: str) -> str:
    fix = _FIX.search(detail)
    if fix is None:
        return "pip install --force-reinstall cl-keras"
    return f"export {fix[0]}" if fix[0].startswith("KERAS") else fix[0]
