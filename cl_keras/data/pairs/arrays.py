# SPDX-License-Identifier: Apache-2.0
"""Pairs in two arrays."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from cl_keras.data.array_files import open_arrays
from cl_keras.data.pairs.names import names_of_places
from cl_keras.data.pairs.pair_data import PairData


def load_arrays(spec: str, *, names: Sequence[str] | None = None) -> PairData:
    """Loads the rows of two `.npz` files."""
    paths = [Path(part).expanduser() for part in spec.split(",")]
    if len(paths) != 2:
        raise ValueError(
            f"Expected two files, as in pairs:A.npz,B.npz. Received: pairs:{spec}"
        )
    found = [_file(path) for path in paths]
    sides = names_of_places(names, [path.stem for path in paths])
    beside = {**found[1], **found[0]}
    inputs = {
        name: _numbers(part["inputs"], path)
        for name, part, path in zip(sides, found, paths, strict=True)
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
    with open_arrays(path, f"Cannot read arrays from {path}") as file:
        arrays = dict(file)
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
