# SPDX-License-Identifier: Apache-2.0
"""`cl-keras doctor`."""

from __future__ import annotations

import typer

from cl_keras.cli.options import Json
from cl_keras.cli.output import show_rows
from cl_keras.cli.tables import load_alone


def doctor(json: Json = False) -> None:
    """Say what this machine has, what is missing, and what to install."""
    # By itself, as `cl_keras.runs` cannot be imported where something is broken.
    checks = load_alone("runs.doctor").doctor()
    show_rows(("name", "state", "detail"), checks, "checks", json)
    raise typer.Exit(1 if any(check.state == "broken" for check in checks) else 0)
