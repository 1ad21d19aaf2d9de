# SPDX-License-Identifier: Apache-2.0
"""What a report reads of a run's folder."""

from __future__ import annotations

import csv
import dataclasses
import io
from pathlib import Path
from typing import Any, TypeGuard

from cl_keras.methods.table import METHODS
from cl_keras.runs.run_files import (
    CONFIG_FILE,
    FIGURES_FOLDER,
    SPRITES_FILE,
    SUMMARY_FILE,
    read_history,
    read_json,
    require_run,
)


@dataclasses.dataclass(frozen=True)
class Table:
    """A CSV of `run/figures`.

    Attributes:
        text: The file.
        header: Names of the columns.
        rows: The cells, as text.
    """

    text: str
    header: list[str]
    rows: list[list[str]]

    def column(self, name: str) -> list[str]:
        """The cells of one column."""
        place = self.header.index(name)
        return [row[place] for row in self.rows]


@dataclasses.dataclass(frozen=True)
class RunData:
    """A run, as far as its folder holds it.

    Attributes:
        folder: The run's folder.
        summary: `summary.json`.
        config: `config.json` without `command` and `environment`.
        command: The command line, or "".
        environment: Versions and devices.
        history: One dictionary an epoch.
        tables: The CSVs of its figures by name.
        sprites: Sheets of small images by name: how they are cut, and `file`.
    """

    folder: Path
    summary: dict[str, Any]
    config: dict[str, Any]
    command: str
    environment: dict[str, Any]
    history: list[dict[str, Any]]
    tables: dict[str, Table]
    sprites: dict[str, Any]

    @property
    def method(self) -> str:
        """The method's name as its paper writes it; the folder's if unknown."""
        key = self.summary.get("method") or self.config.get("method")
        if key in METHODS:
            return METHODS[key].title
        return str(key or self.folder.resolve().name)

    @property
    def title(self) -> str:
        """Method and data."""
        data = self.summary.get("data") or self.config.get("data")
        return f"{self.method} on {data}" if data else self.method


def load_run(folder: Path) -> RunData:
    """Reads a run; what is not there is empty."""
    require_run(folder)
    config = read_json(folder / CONFIG_FILE)
    command = config.pop("command", None) or ""
    environment = config.pop("environment", None) or {}
    figures = folder / FIGURES_FOLDER
    return RunData(
        folder=folder,
        summary=read_json(folder / SUMMARY_FILE),
        config=config,
        command=str(command),
        environment=environment,
        history=read_history(folder),
        tables={path.stem: read_table(path) for path in sorted(figures.glob("*.csv"))},
        sprites={
            name: sprite
            for name, sprite in read_json(figures / SPRITES_FILE).items()
            if (figures / sprite["file"]).is_file()
        },
    )


def is_number(value: Any) -> TypeGuard[float]:
    """Tells numbers from all else that JSON holds, `true` and `false` among it."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def read_table(path: Path) -> Table:
    """Reads a CSV with a header."""
    text = path.read_text(encoding="utf-8")
    rows = list(csv.reader(io.StringIO(text)))
    if not rows or any(len(row) != len(rows[0]) for row in rows):
        raise ValueError(f"{path} must be a CSV with a header and rows of its length.")
    return Table(text, rows[0], rows[1:])
