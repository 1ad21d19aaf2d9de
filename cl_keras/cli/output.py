# SPDX-License-Identifier: Apache-2.0
"""What a command prints: one JSON object, or tables and sentences."""

from __future__ import annotations

import json
import shlex
import sys
import textwrap
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

# Of the files that were skipped; there may be thousands.
SHOWN = 3
_ANY_WIDTH = 10**6


def command_line() -> str:
    """Says how the program was called, to be kept with what it writes."""
    return shlex.join(["cl-keras", *sys.argv[1:]])


def console(*, stderr: bool = False) -> Console:
    """Where text for people goes: lines are never cut, nothing in them is markup."""
    # Here, not above: --help shall not wait for what it does not print.
    from rich.console import Console

    return Console(stderr=stderr, soft_wrap=True, highlight=False, markup=False)


def show(values: Mapping[str, Any], as_json: bool) -> None:
    """Prints a result on standard output: an object, or a name and a value a line."""
    if as_json:
        print(json.dumps(values))
        return
    lines = (
        (
            name.replace("_", " "),
            f"{value:.4f}" if isinstance(value, float) else _text(name, value),
        )
        for name, value in values.items()
    )
    print_table((), lines, console())


def show_rows(
    columns: Iterable[str], rows: Iterable[Iterable[Any]], title: str, as_json: bool
) -> None:
    """Prints several results on standard output: one object, or a table."""
    columns = list(columns)
    if as_json:
        show({title: [dict(zip(columns, row, strict=True)) for row in rows]}, True)
    else:
        print_table(columns, rows, console())


def show_skipping(result: dict[str, Any], as_json: bool) -> None:
    """Prints a result; the files that were skipped on standard error, a line each."""
    if not as_json:
        for file in result.pop("skipped"):
            print(f"skipped: {file}", file=sys.stderr)
    show(result, as_json)


def print_table(
    columns: Iterable[str], rows: Iterable[Iterable[Any]], to: Console
) -> None:
    """Prints a table; the first of its columns may have no name.

    On a terminal long names are folded; in a file or pipe a row is a line.
    """
    from rich.table import Column, Table
    from rich.text import Text

    heads = [Column(name, overflow="fold") for name in columns]
    table = Table(
        *heads, box=None, show_header=bool(heads), padding=(0, 2, 0, 0), pad_edge=False
    )
    for row in rows:
        # As text: a name in brackets is no markup.
        table.add_row(*(Text(_cell(value)) for value in row))
    width = to.width
    if not to.is_terminal:
        to.width = _ANY_WIDTH
    to.print(table)
    to.width = width


def print_sentences(texts: Iterable[str], to: Console) -> None:
    """Prints findings as sentences, a paragraph each, as wide as the terminal."""
    for text in texts:
        text = text[:1].upper() + text[1:] + "." * (text[-1:] not in ".!?")
        to.print(textwrap.fill(text, to.width - 1, subsequent_indent="  "))


def print_error(error: object) -> None:
    """Prints what is wrong and what to do, in red on a terminal."""
    console(stderr=True).print(f"error: {error}", style="red")


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _text(name: str, value: Any) -> str:
    """A value as lines; of many skipped files only some."""
    if isinstance(value, Mapping):
        return "\n".join(f"{key}: {text}" for key, text in value.items())
    if not isinstance(value, list | tuple):
        return _cell(value)
    lines = [str(item) for item in value]
    if name == "skipped" and len(lines) > SHOWN:
        lines = [*lines[:SHOWN], f"and {len(lines) - SHOWN:,} more (--json has all)"]
    return "\n".join(lines)
