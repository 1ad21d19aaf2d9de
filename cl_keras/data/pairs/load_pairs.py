# SPDX-License-Identifier: Apache-2.0
"""Pairs from files: two arrays, or the series of CSV files."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cl_keras import check
from cl_keras.data.pairs.pair_data import PairData
from cl_keras.data.sequences.csv_series import load_csv, pair_names
from cl_keras.data.sequences.sequence_data import SequenceData
from cl_keras.registry import unknown


def load_pairs(
    spec: str,
    *,
    names: Sequence[str] | None = None,
    group: str | None = None,
    label: str | None = None,
    columns: Any = None,
    pair: str | None = None,
    window: int | None = None,
    **options: Any,
) -> PairData:
    r"""Loads paired data.

    `A.npz,B.npz`: row n of A and row n of B are a pair. A file holds one array, or
    several of which one is named `inputs`; `labels` and `groups` may be in either, one
    a pair. uint8 images stay as they are, all other numbers become float32.

    `csv:PATH`: windows of time series, as `load_csv` reads them. The two inputs are
    two recordings of the same moments that `pair` tells apart (phone and watch), or
    two groups of columns (acceleration and rotation).

    Args:
        spec: What follows `pairs:` in a data string.
        names: What the two inputs are called; by default the files, the values of the
            group `pair`, or the groups of columns.
        group: Of CSV files, a group of `pattern`, such as the person: pairs of one
            stay together when some are held out.
        label: As in `load_csv`.
        columns: As in `load_csv`; without `pair` two groups of columns by name,
            `{"acceleration": [...], "rotation": [...]}`.
        pair: As in `load_csv`.
        window: As in `load_csv`.
        **options: The others of `load_csv`.

    Returns:
        The pairs.

    Raises:
        ValueError: If a file cannot be used or the two do not fit together.
    """
    kind, colon, rest = spec.partition(":")
    if not (colon and kind == "csv"):
        of_series = {"group": group, "label": label, "columns": columns, "pair": pair}
        given = of_series | {"window": window} | options
        if wrong := [name for name, value in given.items() if value is not None]:
            raise ValueError(
                f"Expected settings of series with pairs:csv: only. Received: "
                f"{', '.join(wrong)} with pairs:{spec}"
            )
        return _arrays(spec, names)
    check.at_least(1, window=window or 0)
    by_name = columns if isinstance(columns, Mapping) else {}
    if (pair is None) != (len(by_name) == 2):
        raise ValueError(
            "Expected either `pair`, which tells two recordings of the same moments "
            'apart, or two groups of columns, {"NAME": [...], "NAME": [...]}. '
            f"Received: pair={pair!r}, columns={columns!r}"
        )
    groups = [_split(part) for part in by_name.values()]
    columns = sum(groups, []) if by_name else columns
    data = load_csv(
        rest, columns=columns, pair=pair, window=window, label=label, **options
    )
    channels = data.sequences[0].shape[1]
    sides = _names(names, pair_names(data, pair) if pair else map(str, by_name))
    cut = channels // 2 if pair else len(groups[0])
    windows = np.stack(data.sequences)
    inputs = dict(zip(sides, (windows[..., :cut], windows[..., cut:]), strict=True))
    labels, class_names = _kind(data, label)
    people, person_names = _kind(data, group)
    return PairData(
        f"pairs:{spec}",
        inputs,
        labels,
        class_names,
        None if people is None else np.array(person_names)[people],
        data.skipped,
        data.sample_rate,
    )


def split_pairs(
    data: PairData, train_groups: Any = None, test_groups: Any = None, *, seed: int = 0
) -> tuple[PairData, PairData]:
    """Pairs to train on and to test with: of groups by name, or a fifth held out."""
    if test_groups is None:
        train = data if train_groups is None else _in(data, train_groups, "train")
        return train.split(seed=seed)
    test = _in(data, test_groups, "test")
    if train_groups is None:
        return data.take(~np.isin(data.groups, test.groups)), test  # type: ignore[arg-type]
    train = _in(data, train_groups, "train")
    if both := {*train.groups.tolist()} & {*test.groups.tolist()}:  # type: ignore[union-attr]
        raise ValueError(
            "Expected groups to train on and others to test with. Received for both: "
            f"{', '.join(sorted(both))}"
        )
    return train, test


def _in(data: PairData, groups: Any, part: str) -> PairData:
    wanted = [str(name) for name in _split(groups)]
    known = [] if data.groups is None else np.unique(data.groups).tolist()
    for name in wanted:
        if name not in known:
            raise unknown(f"group in `{part}_groups`", name, known)
    return data.take(np.isin(data.groups, wanted))  # type: ignore[arg-type]


def _split(text: Any) -> list[Any]:
    if isinstance(text, str):
        return [part.strip() for part in text.split(",")]
    return list(text) if isinstance(text, list | tuple) else [text]


def _kind(
    data: SequenceData, kind: str | None
) -> tuple[np.ndarray | None, tuple[str, ...] | None]:
    if kind is None:
        return None, None
    one = data.labelled(kind)
    return one.labels, one.class_names  # type: ignore[return-value]


def _names(given: Sequence[str] | None, usual: Iterable[str]) -> list[str]:
    wanted = [*usual] if given is None else _split(given)
    if len({*wanted}) != 2 or len(wanted) != 2:
        raise ValueError(f"Expected two names of the inputs. Received: {given!r}")
    return wanted


def _arrays(spec: str, given: Sequence[str] | None) -> PairData:
    paths = [Path(part).expanduser() for part in spec.split(",")]
    if len(paths) != 2:
        raise ValueError(
            f"Expected two files, as in pairs:A.npz,B.npz. Received: pairs:{spec}"
        )
    found = [_file(path) for path in paths]
    names = [path.stem for path in paths]
    names = _names(given, ["first", "second"] if names[0] == names[1] else names)
    beside = {**found[1], **found[0]}
    inputs = {
        name: _numbers(part["inputs"], path)
        for name, part, path in zip(names, found, paths, strict=True)
    }
    groups = beside.get("groups")
    return PairData(
        f"pairs:{spec}",
        inputs,
        beside.get("labels"),
        groups=None if groups is None else groups.astype(str),
    )


def _file(path: Path) -> dict[str, np.ndarray]:
    """Arrays of a file: `inputs`, and `labels` and `groups` where there are any."""
    try:
        if not zipfile.is_zipfile(path):
            raise ValueError("it is not an archive as numpy.savez writes it")
        with np.load(path, allow_pickle=False) as file:
            arrays = {key: file[key] for key in file.files}
    except (OSError, ValueError, zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise ValueError(f"Cannot read arrays from {path}: {error}") from error
    others = [key for key in arrays if key not in ("labels", "groups")]
    if "inputs" not in arrays:
        if len(others) != 1:
            raise ValueError(
                f"Expected one array in {path}, or one named 'inputs'. Received: "
                f"{', '.join(others) or 'none'}"
            )
        arrays["inputs"] = arrays.pop(others[0])
    return arrays


def _numbers(array: np.ndarray, path: Path) -> np.ndarray:
    if array.dtype == np.uint8 and array.ndim == 4:
        return array
    if array.dtype.kind not in "biuf":
        raise ValueError(
            f"Expected numbers in {path}. Received: an array of {array.dtype}"
        )
    return array.astype(np.float32)
