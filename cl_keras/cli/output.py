# SPDX-License-Identifier: Apache-2.0
"""What a command prints: one JSON object, or a table."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Iterable, Mapping
from typing import Any

_SHOWN = 3  # Entries of a list that a table shows; the object has all.


def command_line() -> str:
    """Says how the program was called, to be kept with what it writes."""
    return shlex.join(["cl-keras", *sys.argv[1:]])


def show(values: Mapping[str, Any], as_json: bool) -> None:
    """Prints a result on standard output: an object, or a name and a value a line."""
    if as_json:
        print(json.dumps(values))
        return
    # Here, not above: --help shall not wait for what it does not print.
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(show_header=False, box=None)
    for name, value in values.items():
        text = f"{value:.4f}" if isinstance(value, float) else str(value)
        if isinstance(value, list) and len(value) > _SHOWN:
            text = f"{str(value[:_SHOWN])[:-1]}, ...] ({len(value)} in all)"
        # As text: a name in brackets is no markup.
        table.add_row(Text(name), Text(text))
    Console(soft_wrap=True).print(table)


def show_rows(
    columns: Iterable[str], rows: Iterable[Iterable[Any]], title: str, as_json: bool
) -> None:
    """Prints several results on standard output: one object, or a table."""
    columns = list(columns)
    if as_json:
        listing = [dict(zip(columns, row, strict=True)) for row in rows]
        print(json.dumps({title: listing}))
        return
    from rich.console import Console
    from rich.table import Column, Table
    from rich.text import Text

    # Long names are folded, never cut.
    table = Table(*(Column(name, overflow="fold") for name in columns), box=None)
    for row in rows:
        table.add_row(*(Text(str(value)) for value in row))
    Console(soft_wrap=True).print(table)
