# SPDX-License-Identifier: Apache-2.0
"""Pairs of time series in CSV files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from cl_keras import check
from cl_keras.data.pairs.names import names_in, two_names
from cl_keras.data.pairs.pair_data import PairData
from cl_keras.data.sequences.csv_series import load_csv, pair_names
from cl_keras.data.sequences.sequence_data import SequenceData


def load_series(
    path: str,
    *,
    names: Sequence[str] | None = None,
    group: str | None = None,
    label: str | None = None,
    columns: Any = None,
    pair: str | None = None,
    window: int | None = None,
    **options: Any,
) -> PairData:
    """Loads two recordings of the same moments, or two groups of columns."""
    check.at_least(1, window=window or 0)
    by_name = columns if isinstance(columns, Mapping) else {}
    if (pair is None) != (len(by_name) == 2):
        raise ValueError(
            "Expected either `pair`, which tells two recordings of the same moments "
            'apart, or two groups of columns, {"NAME": [...], "NAME": [...]}. '
            f"Received: pair={pair!r}, columns={columns!r}"
        )
    groups = [names_in(part) for part in by_name.values()]
    columns = sum(groups, []) if by_name else columns
    data = load_csv(
        path, columns=columns, pair=pair, window=window, label=label, **options
    )
    channels = data.sequences[0].shape[1]
    sides = two_names(names, pair_names(data, pair) if pair else map(str, by_name))
    cut = channels // 2 if pair else len(groups[0])
    windows = np.stack(data.sequences)
    inputs = dict(zip(sides, (windows[..., :cut], windows[..., cut:]), strict=True))
    labels, class_names = _kind(data, label)
    people, person_names = _kind(data, group)
    return PairData(
        f"pairs:csv:{path}",
        inputs,
        labels,
        class_names,
        None if people is None else np.array(person_names)[people],
        data.skipped,
        data.sample_rate,
    )


def _kind(
    data: SequenceData, kind: str | None
) -> tuple[np.ndarray | None, tuple[str, ...] | None]:
    if kind is None:
        return None, None
    one = data.labelled(kind)
    return one.labels, one.class_names  # type: ignore[return-value]
