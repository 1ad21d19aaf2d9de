# SPDX-License-Identifier: Apache-2.0
"""`cl-keras methods`."""

from __future__ import annotations

from cl_keras.cli.options import Json
from cl_keras.cli.output import show_rows
from cl_keras.method_table import METHODS


def methods(json: Json = False) -> None:
    """List the methods; with --json also what they learn from and their papers."""
    if not json:
        short = [(key, m.summary) for key, m in METHODS.items()]
        show_rows(("name", "summary"), short, "methods", False)
        return
    rows = [
        (key, m.title, ", ".join(m.modalities), m.summary, m.paper)
        for key, m in METHODS.items()
    ]
    show_rows(
        ("name", "title", "learns from", "summary", "paper"), rows, "methods", True
    )
