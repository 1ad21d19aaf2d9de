# SPDX-License-Identifier: Apache-2.0
"""Features with ids and labels as an Arrow table: the columns of every Parquet file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from cl_keras import extras

METADATA = b"cl_keras"


def column(name: str, kind: str) -> str:
    """Names the column of one kind of labels."""
    return name if kind == "label" else f"{name}_{kind}"


def feature_table(
    ids: Sequence[str],
    features: np.ndarray,
    labels: Mapping[str, Sequence[int | None]],
    classes: Mapping[str, Sequence[str | None]],
    *,
    parts: Sequence[str] | None = None,
    facts: Mapping[str, Any] | None = None,
) -> Any:
    """Builds a table of features."""
    pyarrow = extras.require("pyarrow", extra="parquet")
    flat = pyarrow.array(np.ascontiguousarray(features, np.float32).ravel())
    text = pyarrow.string()
    columns = {
        "id": pyarrow.array(list(ids), text),
        "features": pyarrow.FixedSizeListArray.from_arrays(flat, features.shape[1]),
    }
    for kind, values in labels.items():
        columns[column("label", kind)] = pyarrow.array(values, pyarrow.int64())
        if kind in classes:
            names = pyarrow.array(classes[kind], text)
            columns[column("class", kind)] = names
    if parts is not None:
        columns["part"] = pyarrow.array(list(parts), text)
    table = pyarrow.table(columns)
    if facts is None:
        return table
    return table.replace_schema_metadata({METADATA: json.dumps(dict(facts))})
