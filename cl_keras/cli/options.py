# SPDX-License-Identifier: Apache-2.0
"""Options that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Registry = Annotated[
    str | None, typer.Option(help="Registry directory of your own.", metavar="DIR")
]
Data = Annotated[
    str | None,
    typer.Option(metavar="SPEC", help="digits, folder:PATH or npz:PATH."),
]
TestData = Annotated[
    str | None,
    typer.Option(
        metavar="SPEC",
        help="Test images. By default the test part of the data, or a fifth of it "
        "that is held out of training.",
    ),
]
