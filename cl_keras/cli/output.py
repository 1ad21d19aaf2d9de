# SPDX-License-Identifier: Apache-2.0
"""What a command prints: one JSON object, or a table."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Iterable, Mapping
from typing import Any

# Of the files that were skipped; there may be thousands.
SHOWN = 3


def command_line() -> str:
    """Says how the program was called, to be kept with what it writes."""
    return shlex.join(["cl-keras", *sys.argv[1:]])


def show(values: Mapping[str, Any], as_json: bool) -> None:
    """Prints a result on standard output: an object, or a name and a value a line."""
    if as_json:
        print(json.dumps(values))
        return
    lines = (
        (name, f"{value:.4f}" if isinstance(value, float) else _text(name, value))
        for name, value in values.items()
    )
    _print_table((), lines)


def show_rows(
    columns: Iterable[str], rows: Iterable[Iterable[Any]], title: str, as_json: bool
) -> None:
    """Prints several results on standard output: one object, or a table."""
    columns = list(columns)
    if as_json:
        show({title: [dict(zip(columns, row, strict=True)) for row in rows]}, True)
    else:
        _print_table(columns, rows)


def show_skipping(result: dict[str, Any], as_json: bool) -> None:
    """Prints a result; the files that were skipped on standard error, a line each."""
    if not as_json:
        for file in result.pop("skipped"):
            print(f"skipped: {file}", file=sys.stderr)
    show(result, as_json)


def _print_table(columns: Iterable[str], rows: Iterable[Iterable[Any]]) -> None:
    # Here, not above: --help shall not wait for what it does not print.
    from rich.console import Console
    from rich.table import Column, Table
    from rich.text import Text

    # Long names are folded, never cut.
    heads = [Column(name, overflow="fold") for name in columns]
    table = Table(*heads, box=None, show_header=bool(heads))
    for row in rows:
        # As text: a name in brackets is no markup.
        table.add_row(*(Text(str(value)) for value in row))
    Console(soft_wrap=True).print(table)


def _text(name: str, value: Any) -> str:
    """A value as lines; of many skipped files only some."""
    if isinstance(value, Mapping):
        return "\n".join(f"{key}: {text}" for key, text in value.items())
    if not isinstance(value, list | tuple):
        return str(value)
    lines = [str(item) for item in value]
    if name == "skipped" and len(lines) > SHOWN:
        lines = [*lines[:SHOWN], f"and {len(lines) - SHOWN:,} more (--json has all)"]
    return "\n".join(lines)
