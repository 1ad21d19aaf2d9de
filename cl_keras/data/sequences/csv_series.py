# SPDX-License-Identifier: Apache-2.0
"""Time series in CSV files, brought to one rate and cut into windows."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from cl_keras import check
from cl_keras.data.sequences.audio import MAX_BYTES
from cl_keras.data.sequences.csv_files import Layout, Series, read_series
from cl_keras.data.sequences.recording import most_common
from cl_keras.data.sequences.sequence_data import SequenceData
from cl_keras.data.skipped import warn_of_skipped
from cl_keras.labels import number_labels

Window = tuple[np.ndarray, dict[str, str], str]


def load_csv(
    path: str | os.PathLike[str],
    *,
    columns: str | Sequence[str] | None = None,
    time: str | None = None,
    time_unit: str = "s",
    sample_rate: int | None = None,
    label: str | None = None,
    pattern: str | None = None,
    pair: str | None = None,
    window: int | None = None,
    hop: int | None = None,
    purity: float | None = None,
) -> SequenceData:
    r"""Loads the time series of CSV files, whose first line names the columns.

    With a column of times, samples at uneven times are brought to one rate by linear
    interpolation, from a file's first to its last; of several samples of one time the
    first counts. There is no filter against aliasing: a rate far below that of the
    files loses what is fast. Without such a column samples are taken as they come.

    Args:
        path: A folder, a ZIP archive, or one file; `.csv` or `.csv.gz`.
        columns: The channels, as names or one text with commas between them; None for
            all columns of numbers, which a warning names; one that never falls, as
            times do, is an error then.
        time: Name of the column of times: numbers, or dates as ISO 8601.
        time_unit: Of numbers: `"s"`, `"ms"`, `"us"` or `"ns"`.
        sample_rate: Samples a second wanted; None for the usual one of the files.
        label: Name of the column with a label a sample; the most frequent one of a
            sequence is its label. Or a group of `pattern`.
        pattern: A regular expression, looked for in each file's path, whose named
            groups are kinds of labels, such as `(?P<subject>s\d+)_`. Files without it
            are passed over.
        pair: A group of `pattern` that tells two recordings of the same moments
            apart, such as `device`: where all other groups are alike, the channels of
            both stand beside each other, for as long as both recorded.
        window: Samples of a window; None keeps each series whole.
        hop: Samples from one window to the next; by default half a window.
        purity: Least share of a window's samples that have its label, above 0 and at
            most 1: windows on the border of two activities are left out. By default
            all windows stay.

    Returns:
        Sequences `(time, channels)` with a dict of labels: that of `label`, by its
        name, and the groups of `pattern`.

    Raises:
        ValueError: If nothing can be used, or a column or group is not there.
    """
    layout = Layout(columns, time, time_unit, label, pattern)
    if pair is not None and (pair not in layout.groups or time is None):
        raise ValueError(
            "Expected `pair` as a group of `pattern`, and `time`, by which two "
            f"recordings are laid beside each other. Received: pair={pair!r}, groups "
            f"{list(layout.groups)}, time={time!r}"
        )
    check.at_least(1, window=window or 1, hop=hop or 1, sample_rate=sample_rate or 1)
    if hop is not None and window is None:
        raise ValueError(f"Expected `hop` with `window`. Received: hop={hop}")
    _check_purity(purity, window, layout)
    series, skipped = read_series(Path(path), layout)
    if time is not None and sample_rate is None:
        sample_rate = most_common(map(_usual_rate, series))
    together, alone = _together(series, pair)
    skipped += alone
    windows: list[Window] = []
    _check_widths(series, path)
    for group in together:
        one = _at_one_rate(group, sample_rate, pair)
        windows += _cut(one, window, hop, layout, purity)
    warn_of_skipped(skipped, len(series) + len(skipped) - len(alone), path)
    if not windows:
        raise ValueError(
            f"Expected series in {path} of at least a window, {window} samples"
            + (f", a share of {purity} of one label" if purity else "")
            + (f", with two of each {pair}" if pair else "")
            + f". Received: none; {'; '.join(skipped[:3])}"
        )
    labels, names = number_labels([kinds for _, kinds, _ in windows])
    return SequenceData(
        f"csv:{path}",
        tuple(values for values, _, _ in windows),
        labels or None,
        names or None,
        skipped=skipped,
        sample_rate=sample_rate,
        ids=tuple(name for _, _, name in windows),
    )


def _check_widths(series: list[Series], path: str | os.PathLike[str]) -> None:
    first = series[0]
    for one in series:
        if one.values.shape[1] != first.values.shape[1]:
            raise ValueError(
                f"Expected as many columns of numbers in all files of {path}, or "
                f"`columns`, which names those to read. Received: "
                f"{first.values.shape[1]} in {first.name}, {one.values.shape[1]} in "
                f"{one.name}"
            )


def _check_purity(purity: float | None, window: int | None, layout: Layout) -> None:
    if purity is None:
        return
    if window is None or layout.label_column is None or not 0 < purity <= 1:
        raise ValueError(
            "Expected `purity` above 0 and at most 1, with `window` and a column of "
            f"labels, `label`. Received: purity={purity}, window={window}, "
            f"label={layout.label!r}"
        )


def pair_names(data: SequenceData, pair: str) -> tuple[str, str]:
    """The two recordings of each moment, in the order of the channels."""
    first, second = str(data.class_names[pair][0]).split("+")  # type: ignore[index,call-overload]
    return first, second


def _usual_rate(series: Series) -> int:
    if series.seconds is None or len(series.seconds) < 2:
        return 1
    return max(round(1 / float(np.median(np.diff(series.seconds)))), 1)


def _together(
    series: list[Series], pair: str | None
) -> tuple[list[list[Series]], tuple[str, ...]]:
    """Series of the same moments, and those that have no partner."""
    if pair is None:
        return [[one] for one in series], ()
    sides = sorted({one.kinds[pair] for one in series})
    if len(sides) != 2:
        raise ValueError(
            f"Expected two values of the group {pair!r}, a recording each of the same "
            f"moments. Received: {', '.join(sides[:9])}"
        )
    groups: dict[tuple[str, ...], dict[str, Series]] = {}
    for one in series:
        key = tuple(value for kind, value in one.kinds.items() if kind != pair)
        found = groups.setdefault(key, {})
        if one.kinds[pair] in found:
            raise ValueError(
                "Expected groups in `pattern` that tell all recordings apart. "
                f"Received: the same in {found[one.kinds[pair]].name} and {one.name}"
            )
        found[one.kinds[pair]] = one
    both = [
        [group[side] for side in sides] for group in groups.values() if len(group) == 2
    ]
    lone = [
        one for group in groups.values() if len(group) == 1 for one in group.values()
    ]
    return both, tuple(f"{one.name}: has no partner" for one in lone)


def _at_one_rate(group: list[Series], rate: int | None, pair: str | None) -> Series:
    """Series of the same moments as one, with the channels of all."""
    first = group[0]
    kinds = dict(first.kinds)
    if pair is not None:
        kinds[pair] = "+".join(one.kinds[pair] for one in group)
    if first.seconds is None or rate is None:
        return Series(first.name, None, first.values, first.labels, kinds)
    start = max(one.seconds[0] for one in group)  # type: ignore[index]
    stop = min(one.seconds[-1] for one in group)  # type: ignore[index]
    if (stop - start) * rate * 4 * len(first.values[0]) > MAX_BYTES:
        raise ValueError(
            f"{first.name} goes on for {stop - start:,.0f} seconds by its column of "
            f"times, which at {rate} samples a second fits into no memory"
        )
    moments = np.arange(max(int((stop - start) * rate + 1e-6) + 1, 0)) / rate
    channels = [
        np.interp(moments, one.seconds - start, channel)  # type: ignore[operator]
        for one in group
        for channel in one.values.T
    ]
    labels = first.labels
    if labels is not None:  # Of the sample before.
        place = np.searchsorted(first.seconds - start, moments + 1e-9) - 1
        labels = labels[np.maximum(place, 0)]
    values = np.stack(channels, axis=1).astype(np.float32)
    return Series(first.name, None, values, labels, kinds)


def _cut(
    series: Series,
    window: int | None,
    hop: int | None,
    layout: Layout,
    purity: float | None,
) -> list[Window]:
    length = len(series.values)
    size = window or length
    step = hop or max(size // 2, 1)
    found = []
    for start in range(0, length - size + 1, step) if size else ():
        kinds, part = dict(series.kinds), slice(start, start + size)
        if series.labels is not None:
            values, counts = np.unique(series.labels[part], return_counts=True)
            if counts.max() < (purity or 0) * size:
                continue
            kinds[str(layout.label)] = str(values[counts.argmax()])
        name = series.name if window is None else f"{series.name}@{start}"
        found.append((series.values[part], kinds, name))
    return found
