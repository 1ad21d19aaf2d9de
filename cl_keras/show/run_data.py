# SPDX-License-Identifier: Apache-2.0
"""What the pages show of a run."""

from __future__ import annotations

import csv
import dataclasses
import io
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from cl_keras.method_table import METHODS
from cl_keras.show.style import colors_of


@dataclasses.dataclass(frozen=True)
class Table:
    """A CSV of `run/figures`: the file, the names of its columns, its cells as text."""

    text: str
    header: list[str]
    rows: list[list[str]]

    def column(self, name: str) -> list[str]:
        """The cells of one column."""
        position = self.header.index(name)
        return [row[position] for row in self.rows]

    def numbers(self, name: str) -> list[float]:
        """The cells of one column as numbers."""
        return [float(cell) for cell in self.column(name)]


@dataclasses.dataclass(frozen=True)
class RunData:
    """A run, as far as its folder holds it.

    Attributes:
        name: The folder's name.
        figures: The folder with the figures' data.
        summary: `summary.json`.
        config: `config.json` without `command` and `environment`.
        command: The command line, or "".
        environment: Versions and devices.
        history: One dictionary an epoch.
        tables: The CSVs of its figures by name.
        sprites: Sheets of small images by name: how they are cut, and `file`.
    """

    name: str
    figures: Path
    summary: dict[str, Any]
    config: dict[str, Any]
    command: str
    environment: dict[str, Any]
    history: list[dict[str, Any]]
    tables: dict[str, Table]
    sprites: dict[str, Any]

    @property
    def title(self) -> str:
        """Method, as its paper writes it, and data; the folder's name if unknown."""
        key = self.summary.get("method") or self.config.get("method")
        method = METHODS[key].title if key in METHODS else str(key or self.name)
        data = self.summary.get("data") or self.config.get("data")
        return f"{method} on {data}" if data else method

    @property
    def example(self) -> str:
        """What the run calls an example: the first column of its map."""
        return self.tables["embedding"].header[0]

    def class_colors(self) -> dict[str, str]:
        """A colour for each class that occurs, the same all over the page."""
        names: set[str] = set()
        for table in ("embedding", "neighbourhood_nodes"):
            if table in self.tables:
                names.update(self.tables[table].column("class"))
        return colors_of(_natural_order(names - {""}))


def read_table(path: Path) -> Table:
    """Reads a CSV with a header."""
    text = path.read_text(encoding="utf-8")
    rows = list(csv.reader(io.StringIO(text)))
    if not rows or any(len(row) != len(rows[0]) for row in rows):
        raise ValueError(f"{path} must be a CSV with a header and rows of its length.")
    return Table(text, rows[0], rows[1:])


def _natural_order(names: Iterable[str]) -> list[str]:
    """Names in order, numbers in them by their value."""

    def key(name: str) -> list[tuple[int, int, str]]:
        parts = re.findall(r"\d+|\D+", name)
        return [(0, int(x), "") if x.isdecimal() else (1, 0, x) for x in parts]

    return sorted(names, key=key)
