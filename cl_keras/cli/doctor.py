# SPDX-License-Identifier: Apache-2.0
"""`cl-keras doctor`."""

from __future__ import annotations

import typer

from cl_keras.cli.options import Json
from cl_keras.cli.output import console, print_table, show
from cl_keras.cli.tables import load_alone


def doctor(json: Json = False) -> None:
    """Check this machine: what works, what is missing, what to run next."""
    # By themselves, as `cl_keras.runs` cannot be imported where something is broken.
    checks = load_alone("runs.doctor").doctor()
    verdict, command = load_alone("runs.readiness").readiness(checks)
    if json:
        rows = [check._asdict() for check in checks]
        show({"checks": rows, "verdict": verdict, "next": command}, True)
    else:
        to = console()
        print_table(("name", "state", "detail"), checks, to)
        to.print(f"\n{verdict}\nNext: {command}")
    raise typer.Exit(1 if any(check.state == "broken" for check in checks) else 0)
