# SPDX-License-Identifier: Apache-2.0
"""Features and labels of nodes as NumPy's and SciPy's files hold them."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from cl_keras import extras
from cl_keras.data.array_files import describing, open_arrays

ARRAYS = (".npy", ".npz")


def load_array(path: Path, keys: tuple[str, ...]) -> Any:
    """Loads an array, or a SciPy matrix; of several in a file that of a known name."""
    expected = f"Cannot read {path}"
    if not zipfile.is_zipfile(path):
        with describing(expected):
            return np.load(path, allow_pickle=False)
    with open_arrays(path, expected) as content:
        if "format" in content and "shape" in content:
            sparse = extras.require("scipy.sparse", extra="tables")
            matrix = sparse.csr_matrix(sparse.load_npz(path))
            matrix.check_format(full_check=True)
            return matrix
        found = [key for key in (*keys, *content) if key in content]
        if len(content) != 1 and (not found or found[0] not in keys):
            raise ValueError(
                f"Expected an array {keys[0]!r}, only one array, or a SciPy matrix. "
                f"Received: {', '.join(content) or 'none'}"
            )
        return content[found[0]]


def float_features(path: Path, values: Any) -> Any:
    """Checks features, and turns them into float32."""
    if values.dtype.kind not in "biuf":
        raise ValueError(f"Expected numbers in {path}. Received dtype: {values.dtype}")
    if values.ndim != 2:
        raise ValueError(
            f"Expected features as (nodes, F) in {path}. Received shape: {values.shape}"
        )
    data = values if isinstance(values, np.ndarray) else values.data
    finite = np.isfinite(data)
    if not finite.all():
        row = ""
        if data is values:
            row = f", the first in row {int(np.argmin(finite.all(axis=1)))}"
        raise ValueError(
            f"Expected finite features in {path}. Received: {int((~finite).sum())} NaN "
            f"or infinite numbers{row}"
        )
    return values.astype(np.float32)


def array_labels(path: Path, values: Any) -> np.ndarray:
    """Turns numbers, text or one-hot rows into labels as `NodeFile.labels` gives."""
    if not isinstance(values, np.ndarray):
        values = values.toarray()
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim == 2 and values.dtype.kind in "biuf":
        # One-hot; rows of zeros are unknown.
        sums = values.sum(axis=1)
        if np.isin(values, (0, 1)).all() and (sums <= 1).all():
            return np.where(sums == 1, values.argmax(axis=1), np.nan)
    if values.ndim != 1 or values.dtype.kind not in "biufUS":
        raise ValueError(
            f"Expected a label a node, (nodes,), or one-hot, in {path}. "
            f"Received: {values.dtype} of shape {values.shape}"
        )
    return values.astype(str if values.dtype.kind in "US" else np.float64)


def number_labels(
    found: np.ndarray, nodes: int, where: object
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Numbers labels."""
    if found.dtype.kind == "f":
        known = np.isfinite(found) & (found != -1)
        wrong = known & ((found != np.floor(found)) | (found < 0))
        if wrong.any():
            row = int(np.argmax(wrong))
            raise ValueError(
                f"Expected whole numbers from 0 (-1 where unknown), or names, in "
                f"{where}. Received: {found[row]:g} in row {row}"
            )
        values = np.where(known, found, -1).astype(np.int64)
        if values.max(initial=-1) < nodes:
            return values, tuple(map(str, range(int(values.max(initial=-1)) + 1)))
    else:
        values, known = found, ~np.isin(found, ("", "-1", "nan"))
    names, numbers = np.unique(values[known], return_inverse=True)
    labels = np.full(len(found), -1, np.int64)
    labels[known] = numbers
    return labels, tuple(map(str, names.tolist()))
