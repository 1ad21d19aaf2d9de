# SPDX-License-Identifier: Apache-2.0
"""Tables of text, read by Apache Arrow; whether they begin with names, by one rule."""

from __future__ import annotations

import csv
import re
from collections.abc import Collection
from pathlib import Path

import numpy as np

from cl_keras import extras
from cl_keras.data.graphs.delimited import Column, column_of, parse

# Lines from which delimiter and types are told.
_SAMPLE = 1_000
_ONE_CELL = b"\x1f"
_MISSING = {"nan", "na", "n/a", "null", "inf", "-inf"}
_PADDED = re.compile(rb"(?<![\w.+-])0\d")
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")


class TextTable:
    """The text of a table, before it is decided whether it begins with names.

    Args:
        path: The file, for messages.
        lines: Its lines. Those that begin with `#` or `%` are left out, and blank ones
            unless each line is one cell and `blank_rows` is set.
        blank_rows: Whether a blank line is a row.
        text: Whether cells may be text with spaces in it: then spaces are delimiters
            only after a number.
    """

    def __init__(
        self,
        path: Path,
        lines: list[bytes],
        *,
        blank_rows: bool = False,
        text: bool = False,
    ) -> None:
        self.path = path
        self._columns: dict[tuple[bool, tuple[int, ...]], list[Column]] = {}
        kept = [
            (number, line)
            for number, line in enumerate(lines, 1)
            if not line.lstrip().startswith((b"#", b"%"))
        ]
        filled = [line for _, line in kept if not line.isspace() and line]
        self.delimiter = _delimiter(filled[:_SAMPLE], text)
        if not blank_rows or self.delimiter != _ONE_CELL:
            kept = [row for row in kept if not row[1].isspace() and row[1]]
        self.numbers = [number for number, _ in kept]
        self.lines = [line for _, line in kept]
        if self.delimiter == b" ":
            self.lines = [b" ".join(line.split()) for line in self.lines]
        sample = b"\n".join(self.lines[:_SAMPLE])
        self._decimal = "," if self.delimiter == b";" and b"," in sample else "."
        self.first = self._cells(self.lines[0]) if self.lines else []
        self._below = self._read(1, _SAMPLE, ())
        # R leaves the name of the column of row names out.
        if len(self.first) == len(self._below) - 1:
            self.first = ["", *self.first]

    def begins_with_names(
        self,
        known: Collection[str] = (),
        rows: int | None = None,
        least: int | None = None,
        *,
        final: bool = False,
    ) -> bool | None:
        """Decides whether the first line holds the names of the columns.

        It does where text stands above numbers, the first cell is blank or only the
        first line is in quotes, or where it holds a name that is known. It does not
        where it holds numbers, other than 0, 1, 2, ... as pandas names columns that
        have no name, or words that come again below. In between, the number of rows
        that there should be decides.
        """
        total, is_known = len(self.lines), [plain(x) in known for x in self.first]
        if total < 2 or any(x.lower() in _MISSING for x in self.first):
            return any(is_known)
        text = [not _NUMBER.fullmatch(cell) for cell in self.first]
        numbers = [
            x for x, is_text in zip(self.first, text, strict=True) if not is_text
        ]
        consecutive = numbers == list(map(str, range(len(numbers))))
        if len(self.first) > 1 and not self.first[0]:
            return True
        if numbers and not consecutive:
            # Quotes around the names only are R's way.
            return not any(text) and _quotes(self.lines[:2]) == [2 * len(text), 0]
        if any(is_known) or any(
            is_text and not column.is_text
            for is_text, column in zip(text, self._below, strict=False)
        ):
            return True
        if not numbers and self._comes_again():
            return False
        if rows is not None and total - rows in (0, 1):
            return total - rows == 1
        if least is not None and total - least in (0, 1):
            # A column of numbers has nothing else to tell a name from a value.
            if total - least == 1 and len(numbers) == len(self.first) == 1:
                return None
            return total - least == 1
        fractions = all(column.values.dtype == np.float64 for column in self._below)
        return True if final and numbers and (len(numbers) > 2 or fractions) else None

    def _comes_again(self) -> bool:
        """Whether a word of the first line stands in its column again."""
        return any(
            (column.values[1:][~column.blank[1:]] == cell).any()
            for cell, column in zip(self.first, self.read(False), strict=False)
        )

    def read(self, names: bool, text: Collection[int] = ()) -> list[Column]:
        """Reads all cells, once for each thing that is asked of them."""
        key = (names, tuple(text))
        if key not in self._columns:
            self._columns[key] = self._read(int(names), None, text)
        return self._columns[key]

    def line(self, row: int, names: bool) -> str:
        """Says where a row is."""
        return f"line {self.numbers[row + names]} of {self.path}"

    def refused(self, row: int, names: bool, expected: str) -> ValueError:
        """Makes the error of a row."""
        received = self.lines[row + names].decode()
        return ValueError(
            f"Expected {expected} in {self.line(row, names)}. "
            f"Received: {received[:60]!r}"
        )

    def undecided(self, names: str) -> ValueError:
        """Makes the error of a table of which the first line may be either."""
        return ValueError(
            f"Cannot tell whether the first line of {self.path} holds names or values. "
            f"Expected names as a first line, such as {names!r}. "
            f"Received: {self.lines[0].decode()[:60]!r}"
        )

    def has_padded_numbers(self) -> bool:
        """Whether any number may have zeros in front, as ids have: 007."""
        return any(_PADDED.search(line) for line in self.lines)

    def _cells(self, line: bytes) -> list[str]:
        reader = csv.reader(
            [line.decode()], delimiter=self.delimiter.decode(), skipinitialspace=True
        )
        try:
            return [cell.strip() for row in reader for cell in row]
        except csv.Error as error:
            raise ValueError(f"Cannot read {self.path}: {error}") from error

    def _read(
        self, start: int, stop: int | None, text: Collection[int]
    ) -> list[Column]:
        if not self.lines[start:stop]:
            return []
        arrow = extras.require("pyarrow", extra="tables")
        lines = self.lines[start:stop]
        types = {f"f{place}": arrow.string() for place in text}
        known = (arrow.int64(), arrow.float64(), arrow.bool_(), arrow.string())
        while True:
            table, wrong = parse(
                self.path,
                lines,
                types,
                delimiter=self.delimiter.decode(),
                decimal=self._decimal,
            )
            # What looks like a date or a time is text.
            others = {
                field.name: arrow.string()
                for field in table.schema
                if field.type not in (*known, arrow.null())
            }
            if not others:
                break
            types |= others
        if wrong:
            counts = [len(self._cells(line)) for line in lines]
            row = next(row for row, count in enumerate(counts) if count != counts[0])
            raise ValueError(
                f"Expected {counts[0]} columns in line {self.numbers[start + row]} of "
                f"{self.path}, as before. Received: {counts[row]} columns, "
                f"{lines[row].decode()[:60]!r}"
            )
        columns = [
            column_of(column, f"f{place}" in types)
            for place, column in enumerate(table.columns)
        ]
        if stop is None and start and len(columns) != len(self.first):
            raise ValueError(
                f"Expected a name for each of the {len(columns)} columns of "
                f"{self.path}. Received: {len(self.first)}, {self.first[:6]}"
            )
        # What follows a delimiter at the end of every line.
        while len(columns) > 1 and columns[-1].blank.all() and not self.first[-1]:
            columns.pop()
        return columns


def plain(name: str) -> str:
    """A name without case and marks."""
    return re.sub(r"[\W_]", "", name).lower()


def _quotes(lines: list[bytes]) -> list[int]:
    return [line.count(b'"') for line in lines]


def _delimiter(lines: list[bytes], text: bool) -> bytes:
    bare = [re.sub(rb'"[^"]*"', b'""', line) for line in lines]
    for mark in (b"\t", b";", b","):
        if 2 * sum(mark in line for line in bare) >= max(1, len(bare)):
            return mark
    words = [line.split() for line in bare]
    spaced = [
        len(row) > 1 and (not text or bool(_NUMBER.fullmatch(row[0].decode())))
        for row in words
    ]
    return b" " if 2 * sum(spaced) >= max(1, len(bare)) else _ONE_CELL
