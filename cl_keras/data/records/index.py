# SPDX-License-Identifier: Apache-2.0
"""The index of sharded records: what should be there, and where each example is."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from cl_keras.data.array_files import open_arrays
from cl_keras.file_record import (
    ChangedFileError,
    FileRecord,
    MissingFileError,
    TruncatedFileError,
    sha256,
)

INDEX_FILE, ROWS_FILE = "index.json", "rows.npz"
FORMAT = 1
# A record is its length (8 bytes), a checksum of the length (4), itself, and a
# checksum of itself (4).
BEFORE, AFTER = 12, 4


@dataclasses.dataclass(frozen=True)
class Shard:
    """One file of records.

    Args:
        record: Its name, size and SHA-256.
        count: Records in it.
        part: `"train"`, `"test"`, or empty where the data has no parts.
    """

    record: FileRecord
    count: int
    part: str = ""


@dataclasses.dataclass(frozen=True, eq=False)
class RecordIndex:
    """What `data.write_records` says of the records it has written.

    Args:
        folder: Where the files are.
        name: What the files' names begin with.
        modality: `"image"` or `"audio"`.
        shards: The files, in order.
        rows: File with a line for each record; see `positions`.
        class_names: Names of the labels by kind.
        skipped: Files that were left out, each with the reason.
        sample_rate: Samples a second of most recordings, or None.

    Example:
    >>> RecordIndex.find("no/such/folder") is None
    True
    """

    folder: Path
    name: str
    modality: str
    shards: tuple[Shard, ...]
    rows: FileRecord
    class_names: Mapping[str, tuple[str, ...]]
    skipped: tuple[str, ...] = ()
    sample_rate: int | None = None

    def __len__(self) -> int:
        return sum(shard.count for shard in self.shards)

    @classmethod
    def find(cls, path: str | os.PathLike[str]) -> RecordIndex | None:
        """Reads the index beside records.

        Args:
            path: The folder, or a file of records in it.

        Returns:
            The index; None if there is none.

        Raises:
            ValueError: If it cannot be read.
        """
        place = Path(path).expanduser()
        folder = place if place.is_dir() else place.parent
        file = folder / INDEX_FILE
        if not file.is_file():
            return None
        try:
            try:
                content = json.loads(file.read_text(encoding="utf-8"))
            except RecursionError:
                raise ValueError("nested too deeply") from None
            # Another program's file of that name says nothing of our records.
            if not isinstance(content, dict) or "cl_keras_records" not in content:
                return None
            if content["cl_keras_records"] != FORMAT:
                raise ValueError(f"a format of {content['cl_keras_records']!r}")
            _check_facts(content)
            return cls(
                folder,
                content["name"],
                content["modality"],
                tuple(map(_shard, content["shards"])),
                FileRecord(**content["rows"]),
                {k: tuple(names) for k, names in content["class_names"].items()},
                tuple(content["skipped"]),
                content["sample_rate"],
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(
                f"Expected {file} to be an index of records: {error}"
            ) from error

    def write(self, schema: Mapping[str, str]) -> None:
        """Writes the index into its folder.

        Args:
            schema: Type of each feature of a `tf.train.Example`.
        """
        content: dict[str, Any] = {
            "cl_keras_records": FORMAT,
            "name": self.name,
            "modality": self.modality,
            "count": len(self),
            "schema": dict(schema),
            "class_names": {k: list(names) for k, names in self.class_names.items()},
            "sample_rate": self.sample_rate,
            "shards": [
                {
                    **dataclasses.asdict(shard.record),
                    "count": shard.count,
                    "part": shard.part,
                }
                for shard in self.shards
            ],
            "rows": dataclasses.asdict(self.rows),
            "skipped": list(self.skipped),
        }
        text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
        (self.folder / INDEX_FILE).write_text(text, encoding="utf-8")

    def part(self, name: str) -> tuple[Shard, ...]:
        """Finds the shards of a part.

        Args:
            name: `"train"` (all, where there are no parts) or `"test"`.

        Returns:
            The shards, in order; none if there is no such part.
        """
        split = any(shard.part == "test" for shard in self.shards)
        if not split:
            return self.shards if name == "train" else ()
        return tuple(shard for shard in self.shards if shard.part == name)

    def verify(
        self, *, checksums: bool = True, names: Collection[str] | None = None
    ) -> None:
        """Checks that all files are those that were written.

        Args:
            names: Looks at these files only.
            checksums: Whether to read them all for their SHA-256; else only names and
                sizes are compared.

        Raises:
            ArtifactError: That a shard is missing (`MissingFileError`), truncated
                (`TruncatedFileError`), changed or another one (`ChangedFileError`). It
                is a ValueError.
        """
        for record in (self.rows, *(shard.record for shard in self.shards)):
            if names is None or record.path in names:
                self._verify(record, checksums)

    def positions(self) -> dict[str, np.ndarray]:
        """Where each record is, and what is known of it without reading it.

        Returns:
            One row a record, in the order of the shards: `shard` int64, `offset` and
            `length` int64 (of the serialized example in its file, in bytes), `size`,
            int64, `(count, 2)` height and width of images or `(count, 1)` samples of
            recordings, and `label` or `label_KIND`, int64.

        Raises:
            ArtifactError: If the file of the rows is not the one that was written.
        """
        self._verify(self.rows, True)
        path = self.folder / self.rows.path
        with open_arrays(
            path, f"Expected {path} to hold the places of records"
        ) as file:
            rows = dict(file)
            self._check_places(rows)
        return rows

    def _check_places(self, rows: Mapping[str, np.ndarray]) -> None:
        """Checks that each row is of a place in one of the files."""
        places = [rows[name] for name in ("shard", "offset", "length")]
        if any(part.dtype.kind not in "iu" or part.ndim != 1 for part in places):
            raise ValueError("`shard`, `offset` and `length` must be whole numbers")
        if any(len(part) != len(self) for part in rows.values()):
            raise ValueError(
                f"the index has {len(self)} records, and there are "
                f"{sorted({len(part) for part in rows.values()})} rows"
            )
        shard, offset, length = places
        ends = np.array([x.record.size for x in self.shards], np.int64)
        if (shard < 0).any() or (shard >= len(ends)).any():
            raise ValueError(f"`shard` must be from 0 to {len(ends) - 1}")
        if (
            (offset < 0).any()
            or (length < 0).any()
            or (length > ends[shard]).any()
            or (offset > ends[shard] - length).any()
        ):
            raise ValueError("records must lie within their files")

    def _verify(self, record: FileRecord, checksum: bool) -> None:
        path = self.folder / record.path
        size = path.stat().st_size if path.is_file() else record.size
        if not checksum and size == record.size and path.is_file():
            return
        try:
            record.verify(self.folder)
        except (ChangedFileError, TruncatedFileError) as error:
            digest = sha256(path)
            for shard in self.shards:
                if shard.record.sha256 == digest:
                    raise ChangedFileError(
                        f"{path} holds what belongs into {shard.record.path}: files "
                        "were swapped or copied over each other."
                    ) from error
            raise
        except MissingFileError as error:
            raise MissingFileError(
                f"{error} The index lists {len(self.shards)} shards with "
                f"{len(self)} records."
            ) from error


def _shard(entry: Mapping[str, Any]) -> Shard:
    record = FileRecord(entry["path"], entry["size"], entry["sha256"])
    count, part = entry["count"], entry["part"]
    if type(count) is not int or count < 0 or part not in ("", "train", "test"):
        raise ValueError(
            f"{record.path} should have a count of records, and be of '', 'train' or "
            f"'test'. Received: count={count!r}, part={part!r}"
        )
    return Shard(record, count, part)


def _check_facts(content: Mapping[str, Any]) -> None:
    modality, rate = content["modality"], content["sample_rate"]
    if modality not in ("image", "audio"):
        raise ValueError(f"a modality of {modality!r}")
    if rate is not None and (type(rate) is not int or rate < 1):
        raise ValueError(f"a sample rate of {rate!r}")
    for name in ("skipped", "shards"):
        if (
            not isinstance(content[name], list)
            or name == "shards"
            and not content[name]
        ):
            raise ValueError(f"{name} of {content[name]!r}")
    for kind, names in content["class_names"].items():
        if not isinstance(names, list) or not all(isinstance(x, str) for x in names):
            raise ValueError(f"names of {kind} that are no texts")
