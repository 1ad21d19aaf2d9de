# SPDX-License-Identifier: Apache-2.0
"""Features of a data set with their ids and labels, as a file."""

from __future__ import annotations

import dataclasses
import json
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from cl_keras import extras, files
from cl_keras.data.array_files import open_arrays
from cl_keras.export.bulk.files import SUCCESS
from cl_keras.export.bulk.table import METADATA, feature_table
from cl_keras.export.bulk.table import column as column_name
from cl_keras.labels import number_labels

SUFFIXES = (".npz", ".parquet")
_FACTS = ("encoder", "data", "root", "modality", "sample_rate")


@dataclasses.dataclass(frozen=True, eq=False)
class Features:
    """Features with what is known of the examples they were made of.

    Args:
        features: `(count, D)` float32.
        ids: `(count,)` text: the path of each file in its folder, or a row number.
        labels: int64 labels `(count,)` by kind; the kind is `"label"` where there is
            only one.
        class_names: Names of the labels by kind, where they are known.
        parts: `(count,)` text, `"train"` or `"test"`, or None without parts.
        facts: `encoder`, `data`, `root` (folder that the ids start from),
            `modality` and `sample_rate`, as far as they are known.

    Raises:
        ValueError: If the sizes differ or there is no row.

    Example:
    >>> Features(np.zeros((1, 4), np.float32), np.array(["a.png"])).ids.tolist()
    ['a.png']
    """

    features: np.ndarray
    ids: np.ndarray
    labels: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)
    class_names: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    parts: np.ndarray | None = None
    facts: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.features.ndim != 2 or 0 in self.features.shape:
            raise ValueError(
                "Expected features (count, D), neither of them 0. "
                f"Received shape: {self.features.shape}"
            )
        columns = {"ids": self.ids, "parts": self.parts, **self.labels}
        for name, column in columns.items():
            if column is not None and column.shape != (len(self.features),):
                raise ValueError(
                    f"Expected {name} of shape ({len(self.features)},). "
                    f"Received shape: {column.shape}"
                )

    def __len__(self) -> int:
        return len(self.features)

    def label_text(self, row: int) -> str:
        """Names the labels of one row."""
        texts = {}
        for kind, labels in self.labels.items():
            names, label = self.class_names.get(kind), int(labels[row])
            known = names is not None and 0 <= label < len(names)
            texts[kind] = names[label] if names and known else str(label)
        if set(texts) == {"label"}:
            return texts["label"]
        return ", ".join(f"{kind} {text}" for kind, text in texts.items())


def check_path(path: Path) -> None:
    """Checks, before any work, that features can be written to a path."""
    if path.suffix not in SUFFIXES:
        raise ValueError(
            f"Expected a file that ends in {' or '.join(SUFFIXES)}. Received: {path}"
        )
    if path.suffix == ".parquet":
        extras.require("pyarrow.parquet", extra="parquet")


def write_features(path: Path, found: Features) -> None:
    """Writes features, whole or not at all.

    A `.npz` has `features`, `ids`, and as far as they are known `label` (or
    `label_KIND`), `class_names` (or `class_names_KIND`), `part` and the facts. A
    `.parquet` has the columns `id`, `features` (a list of fixed size), and `label`,
    `class`, `part` (or `label_KIND`, `class_KIND`); the facts are its metadata.
    """
    check_path(path)
    write = _write_npz if path.suffix == ".npz" else _write_parquet
    with files.replacing(path) as draft:
        write(draft, found)


def read_features(path: Path) -> Features:
    """Reads what `write_features` wrote, or a folder that a bulk job has filled."""
    if path.is_dir() and not (path / SUCCESS).is_file():
        raise ValueError(
            f"Expected the folder of a finished job ({SUCCESS} is missing). "
            f"Received: {path}"
        )
    if not path.is_dir():
        check_path(path)
    if not path.exists():
        raise ValueError(f"Found no features at {path}.")
    try:
        return (_read_npz if path.suffix == ".npz" else _read_parquet)(path)
    except (KeyError, ValueError, OSError, zipfile.BadZipFile) as error:
        raise ValueError(
            f"Expected {path} to hold features as `cl-keras embed` writes them: {error}"
        ) from error


def _kinds(columns: Iterable[str]) -> dict[str, str]:
    """The kind of labels in each column that `column_name` has named."""
    return {
        column: column.removeprefix("label_")
        for column in columns
        if column == "label" or column.startswith("label_")
    }


def _write_npz(path: Path, found: Features) -> None:
    arrays: dict[str, np.ndarray] = {"features": found.features, "ids": found.ids}
    for kind, labels in found.labels.items():
        arrays[column_name("label", kind)] = labels
        if kind in found.class_names:
            arrays[column_name("class_names", kind)] = np.array(found.class_names[kind])
    if found.parts is not None:
        arrays["part"] = found.parts
    for name, fact in found.facts.items():
        arrays[name] = np.array(fact)
    np.savez(path, **arrays)  # type: ignore[arg-type]


def _read_npz(path: Path) -> Features:
    with open_arrays(path, "an archive that cannot be read") as file:
        kinds = _kinds(file)
        names = {kind: column_name("class_names", kind) for kind in kinds.values()}
        return Features(
            file["features"],
            file["ids"],
            {kind: file[key] for key, kind in kinds.items()},
            {k: tuple(file[x].tolist()) for k, x in names.items() if x in file},
            file["part"] if "part" in file else None,
            {name: file[name].item() for name in _FACTS if name in file},
        )


def _write_parquet(path: Path, found: Features) -> None:
    parquet = extras.require("pyarrow.parquet", extra="parquet")
    classes = {
        kind: [
            names[label] if 0 <= label < len(names) else None
            for label in found.labels[kind]
        ]
        for kind, names in found.class_names.items()
        if names
    }
    class_names = {kind: list(names) for kind, names in found.class_names.items()}
    table = feature_table(
        found.ids.tolist(),
        found.features,
        {kind: labels.tolist() for kind, labels in found.labels.items()},
        classes,
        parts=None if found.parts is None else found.parts.tolist(),
        facts={**found.facts, "class_names": class_names},
    )
    parquet.write_table(table, path)


def _read_parquet(path: Path) -> Features:
    parquet = extras.require("pyarrow.parquet", extra="parquet")
    table = parquet.read_table(path)
    facts = json.loads((table.schema.metadata or {}).get(METADATA, b"{}"))
    names = {kind: tuple(x) for kind, x in facts.pop("class_names", {}).items()}
    labels = {}
    for name, kind in _kinds(table.column_names).items():
        # Records have labels, names, both or neither; a label for some is none.
        if not table[name].null_count:
            labels[kind] = table[name].to_numpy()
        elif names.get(kind) == ():
            texts = table[column_name("class", kind)].to_pylist()
            if None not in texts:
                numbered, found = number_labels([{kind: text} for text in texts])
                labels[kind], names[kind] = numbered[kind], found[kind]
    features = table["features"].combine_chunks().flatten().to_numpy()
    return Features(
        features.reshape(len(table), -1),
        np.array(table["id"].to_pylist()),
        labels,
        {kind: x for kind, x in names.items() if x and kind in labels},
        np.array(table["part"].to_pylist()) if "part" in table.column_names else None,
        facts,
    )
