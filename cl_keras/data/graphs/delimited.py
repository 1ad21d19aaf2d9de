# SPDX-License-Identifier: Apache-2.0
"""Text as columns of numbers or text, by Apache Arrow."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from cl_keras import extras
from cl_keras.unpacking import gunzip


class Column(NamedTuple):
    """A column of a table: numbers or, where it holds anything else, text (object)."""

    values: np.ndarray  # Of blank cells they mean nothing.
    blank: np.ndarray

    @property
    def is_text(self) -> bool:
        """Whether any cell is not a number."""
        return self.values.dtype == object


def text_lines(path: Path) -> list[bytes]:
    """Reads the lines of a text file, compressed by gzip or not."""
    try:
        content = path.read_bytes()
        if content.startswith(b"\x1f\x8b"):
            content = gunzip(content)
        utf_16 = content.startswith((b"\xff\xfe", b"\xfe\xff"))
        text = content.decode("utf-16" if utf_16 else "utf-8-sig")
    except (OSError, EOFError, zlib.error, ValueError) as error:
        raise ValueError(f"Cannot read {path}: {error}") from error
    return text.encode().splitlines()


def parse(
    path: Path,
    lines: list[bytes],
    types: dict[str, Any],
    *,
    delimiter: str,
    decimal: str,
) -> tuple[Any, list[Any]]:
    """Parses lines to an Arrow table."""
    reader = extras.require("pyarrow.csv", extra="tables")
    arrow = extras.require("pyarrow", extra="tables")
    content = b"\n".join(lines) + b"\n"
    wrong: list[Any] = []

    def skip(row: Any) -> str:
        wrong.append(row)
        return "skip"

    try:
        table = reader.read_csv(
            arrow.BufferReader(content),
            read_options=reader.ReadOptions(
                use_threads=False,
                # Types are told from the first block.
                block_size=min(len(content) + 1, 2**30),
                autogenerate_column_names=True,
            ),
            parse_options=reader.ParseOptions(
                delimiter=delimiter,
                ignore_empty_lines=False,
                invalid_row_handler=skip,
            ),
            convert_options=reader.ConvertOptions(
                column_types=types,
                null_values=[""],
                strings_can_be_null=True,
                decimal_point=decimal,
            ),
        )
    except arrow.ArrowInvalid as error:
        raise ValueError(f"Cannot read {path}: {error}") from error
    return table, wrong


def column_of(column: Any, keep_text: bool) -> Column:
    """Turns a column of an Arrow table into arrays."""
    arrow = extras.require("pyarrow", extra="tables")
    compute = extras.require("pyarrow.compute", extra="tables")
    column = column.combine_chunks()
    if arrow.types.is_string(column.type):
        column = compute.utf8_trim_whitespace(column)
        column = compute.if_else(compute.equal(column, ""), None, column)
        if not keep_text:
            column = _as_numbers(column)
    blank = column.is_null().to_numpy(zero_copy_only=False)
    if column.type == arrow.null():
        return Column(np.full(len(blank), np.nan), blank)
    if blank.any() and not arrow.types.is_string(column.type):
        column = column.fill_null(False if arrow.types.is_boolean(column.type) else 0)
    return Column(column.to_numpy(zero_copy_only=False), blank)


def _as_numbers(column: Any) -> Any:
    """Text as numbers where it is: Arrow itself takes no plus before a number."""
    arrow = extras.require("pyarrow", extra="tables")
    compute = extras.require("pyarrow.compute", extra="tables")
    unsigned = compute.replace_substring_regex(column, r"^\+", "")
    for dtype in (arrow.int64(), arrow.float64()):
        try:
            return unsigned.cast(dtype)
        except arrow.ArrowInvalid:
            continue
    return column
