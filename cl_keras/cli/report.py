# SPDX-License-Identifier: Apache-2.0
"""`cl-keras report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cl_keras.cli.options import Json
from cl_keras.cli.output import show


def report(
    runs: Annotated[list[str], typer.Argument(metavar="RUN...", help="Run folders.")],
    out: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Page to write for two or more runs; by default compare.html.",
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Write the report of a run anew, or compare several runs on one page."""
    from cl_keras.runs.report import compare_runs, write_report

    folders = [Path(run) for run in runs]
    if len(folders) == 1 and out is None:
        path = write_report(folders[0])
    else:
        path = compare_runs(folders, Path(out or "compare.html"))
    show({"report": str(path)}, json)
