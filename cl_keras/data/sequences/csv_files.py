# SPDX-License-Identifier: Apache-2.0
"""CSV files of time series: found in a folder or an archive, read by Apache Arrow."""

from __future__ import annotations

import dataclasses
import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cl_keras import check, extras
from cl_keras.data.folder_walk import is_leftover, walk
from cl_keras.data.sequences.recording import UnusableError
from cl_keras.data.skipped import warn_caller
from cl_keras.registry import unknown
from cl_keras.unpacking import check_unpacked, gunzip

SUFFIXES = (".csv", ".csv.gz")
# Fewer samples may rise by accident.
_TELLING = 10
UNITS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}


@dataclasses.dataclass(frozen=True, eq=False)
class Series:
    """One file.

    Attributes:
        name: Its path in the folder or archive.
        seconds: `(samples,)` float64, rising; None without a column of times.
        values: `(samples, channels)` float32.
        labels: `(samples,)`, text, or None.
        kinds: What its name says, by the groups of the pattern.
        columns: Names of the channels.
        unused: Names of all other columns but those of times and labels.
    """

    name: str
    seconds: np.ndarray | None
    values: np.ndarray
    labels: np.ndarray | None
    kinds: dict[str, str]
    columns: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Layout:
    """What is read of each file, and how.

    Args:
        columns: Names of the channels; None for all columns of numbers but the times.
        time: Name of the column of times: numbers, or dates as ISO 8601.
        time_unit: Of numbers: `"s"`, `"ms"`, `"us"` or `"ns"`.
        label: Name of the column with a label a sample, or a group of `pattern`.
        pattern: A regular expression with named groups, looked for in each file's
            path; a file without it is passed over.
    """

    columns: Sequence[str] | None = None
    time: str | None = None
    time_unit: str = "s"
    label: str | None = None
    pattern: str | None = None

    def __post_init__(self) -> None:
        check.one_of("time_unit", self.time_unit, UNITS)
        if isinstance(self.columns, str):
            names = tuple(name.strip() for name in self.columns.split(","))
            object.__setattr__(self, "columns", names)
        try:
            groups = re.compile(self.pattern or "").groupindex
        except re.error as error:
            raise ValueError(
                f"Expected `pattern` as a regular expression. Received: "
                f"{self.pattern!r} ({error})"
            ) from error
        if self.pattern and not groups:
            raise ValueError(
                "Expected `pattern` with a named group, such as (?P<subject>\\w+)_. "
                f"Received: {self.pattern!r}"
            )

    @property
    def groups(self) -> tuple[str, ...]:
        """Names of the groups of the pattern."""
        return tuple(re.compile(self.pattern or "").groupindex)

    @property
    def label_column(self) -> str | None:
        """The column of labels, if they stand in the files."""
        return None if self.label in self.groups else self.label


def read_series(path: Path, layout: Layout) -> tuple[list[Series], tuple[str, ...]]:
    """Reads all CSV files of a folder, a ZIP archive, or one file.

    Returns:
        The series in order of their names, and what was skipped, with the reason.
    """
    found: list[Series] = []
    skipped: list[str] = []
    passed_over = 0
    for name, content in _contents(path):
        match = re.search(layout.pattern, name) if layout.pattern else None
        if layout.pattern and match is None:
            passed_over += 1
            continue
        try:
            found.append(_read(name, content(), layout, match))
        except UnusableError as reason:
            skipped.append(f"{name}: {reason}")
    if not found:
        raise ValueError(
            f"Found no usable CSV file in {path}. Skipped: "
            f"{'; '.join(skipped[:3]) or 'none'}; without the pattern: {passed_over}"
        )
    if layout.columns is None:
        first = found[0]
        others = f"; not used: {', '.join(first.unused)}" if first.unused else ""
        warn_caller(
            f"Channels of {path}: {', '.join(first.columns)}{others}. `columns`, "
            "`time` and `label` (data.columns, ...) choose others."
        )
    return found, tuple(skipped)


def _contents(path: Path) -> Iterator[tuple[str, Any]]:
    """Names with what reads the bytes."""
    if path.is_dir():
        for file in walk(path):
            if file.path.lower().endswith(SUFFIXES) and not file.why:
                place = Path(file.path)
                yield place.relative_to(path).as_posix(), place.read_bytes
    elif zipfile.is_zipfile(path):
        try:
            opened = zipfile.ZipFile(path)
        except zipfile.BadZipFile as error:
            raise ValueError(f"Cannot read {path}: {error}") from error
        with opened as archive:
            for name in sorted(archive.namelist()):
                leftover = any(is_leftover(part) for part in name.split("/"))
                if name.lower().endswith(SUFFIXES) and not leftover:
                    yield name, lambda name=name: _member(archive, name)
    else:
        yield path.name, path.read_bytes


def _member(archive: zipfile.ZipFile, name: str) -> bytes:
    member = archive.getinfo(name)
    try:
        check_unpacked(member.compress_size, member.file_size)
        return archive.read(name)
    except (OSError, RuntimeError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        raise UnusableError(f"cannot be unpacked: {error}") from error


def _read(
    name: str, content: bytes, layout: Layout, match: re.Match[str] | None
) -> Series:
    csv = extras.require("pyarrow.csv", extra="tables")
    arrow = extras.require("pyarrow", extra="tables")
    try:
        if name.lower().endswith(".gz"):
            content = gunzip(content)
        source = arrow.BufferReader(content)
        table = csv.read_csv(source, csv.ReadOptions(use_threads=False))
        counts = Counter(table.column_names)
    except (ValueError, OSError, EOFError, zlib.error) as error:
        raise UnusableError(f"cannot be read: {str(error).splitlines()[0]}") from error
    if counts.total() > len(counts):
        name, _ = counts.most_common(1)[0]
        raise UnusableError(f"has several columns of the name {name!r}")
    if not table.num_rows:
        raise UnusableError("holds no samples")
    names = layout.columns or [
        field.name
        for field in table.schema
        if field.name not in (layout.time, layout.label)
        and (arrow.types.is_integer(field.type) or arrow.types.is_floating(field.type))
    ]
    asked = [*names, *filter(None, (layout.time, layout.label_column))]
    for column in asked:
        if column not in counts:
            # No fault of the file's: the same for all of them.
            raise unknown(f"column of {name}", column, counts)
    if not names:
        raise UnusableError("has no column of numbers")
    values = np.stack([_numbers(table[c], c) for c in names], axis=1)
    if layout.columns is None:
        _check_channels(name, names, values)
    with np.errstate(over="ignore"):  # Of numbers that are too large it is infinity.
        values = values.astype(np.float32)
    if not np.isfinite(values).all():
        raise UnusableError("holds blank cells, NaN or infinity")
    labels = None
    if layout.label_column:
        labels = np.array(table[layout.label_column].to_pylist(), str)
    seconds = None
    if layout.time:
        seconds = _seconds(table[layout.time], layout)
        seconds, order = np.unique(seconds, return_index=True)
        values, labels = values[order], None if labels is None else labels[order]
    kinds = {} if match is None else {k: str(v) for k, v in match.groupdict().items()}
    known = {*asked}
    unused = tuple(c for c in counts if c not in known)
    return Series(name, seconds, values, labels, kinds, tuple(names), unused)


def _check_channels(file: str, names: Sequence[str], values: np.ndarray) -> None:
    """Refuses times and sorted labels as channels that nobody has named."""
    rises = (np.diff(values, axis=0) >= 0).all(axis=0) & (values[0] < values[-1])
    if len(values) < _TELLING or not rises.any():
        return
    others = ",".join(name for name, up in zip(names, rises, strict=True) if not up)
    raise ValueError(
        f"Expected channels in {file}. Received: {names[int(rises.argmax())]!r}, which "
        "never falls, as times and sorted labels do. Name it as `time` (data.time and "
        "data.time_unit) or `label` (data.label), or name the channels: `columns` "
        f"(data.columns={others})"
    )


def _numbers(column: Any, name: str) -> np.ndarray:
    arrow = extras.require("pyarrow", extra="tables")
    try:
        values = column.cast(arrow.float64(), safe=False).to_numpy()
    except arrow.ArrowInvalid:
        raise UnusableError(f"has text in the column {name!r}") from None
    except arrow.ArrowNotImplementedError:
        raise UnusableError(f"has no numbers in the column {name!r}") from None
    return np.asarray(values, np.float64)


def _seconds(column: Any, layout: Layout) -> np.ndarray:
    arrow = extras.require("pyarrow", extra="tables")
    scale = UNITS[layout.time_unit]
    if arrow.types.is_timestamp(column.type):
        column, scale = column.cast(arrow.timestamp("ns")).cast(arrow.int64()), 1e-9
    seconds = _numbers(column, str(layout.time)) * scale
    if not np.isfinite(seconds).all():
        raise UnusableError("holds blank times")
    return seconds
