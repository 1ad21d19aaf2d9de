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
    """Names the column of one kind of labels.

    Args:
        name: `"label"`, `"class"` or `"class_names"`.
        kind: The kind; `"label"` where there is only one.

    Returns:
        Such as `"label"` or `"label_speaker"`.

    Example:
    >>> column("class", "label"), column("class", "speaker")
    ('class', 'class_speaker')
    """
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
    """Builds a table of features.

    Args:
        ids: One text a row.
        features: `(rows, D)`, kept as float32 lists of fixed size.
        labels: Numbers by kind of labels, None where a row has none.
        classes: Names by kind of labels, None where a row has none.
        parts: `"train"` or `"test"` for each row, or None.
        facts: JSON values, kept as metadata of the schema.

    Returns:
        A `pyarrow.Table` with the columns `id`, `features`, and, as far as given,
        `label`, `class` (`label_KIND`, `class_KIND` of several kinds) and `part`.

    Raises:
        ImportError: If pyarrow is not installed.

    Example:
    >>> feature_table(["a"], np.zeros((1, 4)), {"label": [2]}, {}).column_names
    ['id', 'features', 'label']
    """
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
