# SPDX-License-Identifier: Apache-2.0
"""Pairs to train on and to test with."""

from __future__ import annotations

from typing import Any

import numpy as np

from cl_keras.data.pairs.names import names_in
from cl_keras.data.pairs.pair_data import PairData
from cl_keras.registry import unknown


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
    wanted = [str(name) for name in names_in(groups)]
    known = [] if data.groups is None else np.unique(data.groups).tolist()
    for name in wanted:
        if name not in known:
            raise unknown(f"group in `{part}_groups`", name, known)
    return data.take(np.isin(data.groups, wanted))  # type: ignore[arg-type]
