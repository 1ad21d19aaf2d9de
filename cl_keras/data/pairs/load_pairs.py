# SPDX-License-Identifier: Apache-2.0
"""Pairs from files: arrays, series, images and recordings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cl_keras.data.pairs.arrays import load_arrays
from cl_keras.data.pairs.folders import load_folders
from cl_keras.data.pairs.pair_data import PairData
from cl_keras.data.pairs.series import load_series
from cl_keras.data.pairs.table import load_table
from cl_keras.registry import unknown

_FILES = ("label", "group", "image_size", "sample_rate", "window")
_SERIES = ("pattern", "columns", "time", "time_unit", "pair", "hop", "purity")
# What reads each kind, and the settings that it takes beside `names`.
_READERS: dict[str, tuple[Callable[..., PairData], tuple[str, ...]]] = {
    "": (load_arrays, ()),
    "csv": (load_series, ("label", "group", "sample_rate", "window", *_SERIES)),
    "folder": (load_folders, ("pattern", *_FILES)),
    "table": (load_table, ("columns", *_FILES)),
}


def load_pairs(
    spec: str,
    *,
    names: Sequence[str] | None = None,
    group: str | None = None,
    label: str | None = None,
    pattern: str | None = None,
    columns: Sequence[str] | Mapping[str, Sequence[str]] | None = None,
    pair: str | None = None,
    window: int | None = None,
    sample_rate: int | None = None,
    image_size: int | tuple[int, int] | None = None,
    **options: Any,
) -> PairData:
    r"""Loads paired data.

    `A.npz,B.npz`: row n of A and row n of B are a pair. A file holds one array, or
    several of which one is named `inputs`; `labels` and `groups` may be in either, one
    a pair. uint8 images stay as they are, all other numbers become float32.

    `folder:A,B`: files of two folders, images or recordings, of the same path but for
    its suffix: `A/cats/1.jpg` and `B/cats/1.wav`. Class sub-folders of A give labels,
    or names of files do, as in `load`.

    `table:FILE`: a `.csv` file, whose first line names the columns, or a `.parquet`
    file: two columns hold paths of images or recordings, as seen from the table's
    folder, in which they lie. A file may be in several pairs.

    `csv:PATH`: windows of time series, as `load_csv` reads them. The two inputs are
    two recordings of the same moments that `pair` tells apart (phone and watch), or
    two groups of columns (acceleration and rotation).

    Files that cannot be used, or have no partner, are left out, named in `skipped` and
    counted in a warning. Images of different sizes are resized as in `load`; all
    recordings have one sample rate.

    Args:
        spec: What follows `pairs:` in a data string.
        names: What the two inputs are called; by default the files or folders, the
            columns of a table, the values of the group `pair`, or the groups of
            columns.
        group: A group of `pattern`, or a column of a table, such as the person: pairs
            of one stay together when some are held out.
        label: The kind of labels: a column of a table; of folders a group of
            `pattern`; of CSV files as in `load_csv`.
        pattern: Of folders as in `load`, looked for in names of files; of CSV files as
            in `load_csv`.
        columns: As in `load_csv`; without `pair` two groups of columns by name,
            `{"acceleration": [...], "rotation": [...]}`. Of a table the two that hold
            paths, by default its first two but for `label` and `group`.
        pair: As in `load_csv`.
        window: As in `load_csv`. Of recordings, the samples that are taken of each
            from its start on, shorter ones being started over; None where all are of
            one length.
        sample_rate: Samples a second wanted; None for the rate of most files.
        image_size: As in `load`.
        **options: The others of `load_csv`.

    Returns:
        The pairs.

    Raises:
        ValueError: If a file cannot be used or the two do not fit together.
        ImportError: If what reads the files is not installed.
    """
    kind, colon, rest = spec.partition(":")
    if not colon or kind not in _READERS:
        kind, rest = "", spec
    read, taken = _READERS[kind]
    given = {
        "group": group,
        "label": label,
        "pattern": pattern,
        "columns": columns,
        "pair": pair,
        "window": window,
        "sample_rate": sample_rate,
        "image_size": image_size,
        **options,
    }
    given = {name: value for name, value in given.items() if value is not None}
    for name in given:
        if name not in taken:
            raise _misplaced(name, spec)
    return read(rest, names=names, **given)


def _misplaced(name: str, spec: str) -> ValueError:
    """The error for a setting that a kind of pairs does not take."""
    fits = [kind for kind, (_, taken) in _READERS.items() if name in taken]
    if not fits:
        known = {name for _, taken in _READERS.values() for name in taken}
        return unknown("setting of pairs", name, sorted(known))
    kinds = " or ".join(f"pairs:{kind}:" for kind in fits)
    return ValueError(
        f"Expected `{name}` with {kinds} only. Received: {name} with pairs:{spec}"
    )
