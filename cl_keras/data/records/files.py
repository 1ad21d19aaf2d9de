# SPDX-License-Identifier: Apache-2.0
"""Which files are records, and whether they are those that were written."""

from __future__ import annotations

import glob
import re
from pathlib import Path

from cl_keras.data.records.index import RecordIndex

_RECORDS = re.compile(r"\.tfrecords?(-\d+-of-\d+)?(\.gz)?$", re.IGNORECASE)


def record_files(path: Path) -> list[Path]:
    """Finds record files."""
    if path.is_dir():
        return sorted(p for p in path.iterdir() if is_record_file(p.name))
    if path.is_file():
        return [path]
    return sorted(p for p in map(Path, glob.glob(str(path))) if p.is_file())


def checked_files(path: Path, *, checksums: bool = True) -> list[Path]:
    """Finds record files and compares them with their index, where there is one."""
    files = record_files(path)
    index = RecordIndex.find(files[0] if files else path)
    if index is None:
        return files
    if path.is_dir():
        index.verify(checksums=checksums)
        listed = {shard.record.path for shard in index.shards}
        if foreign := [file for file in files if file.name not in listed]:
            raise ValueError(
                f"{foreign[0]} is not in the index of {path}, which lists "
                f"{len(listed)} files."
            )
        return [index.folder / shard.record.path for shard in index.shards]
    index.verify(checksums=checksums, names={file.name for file in files})
    return files


def is_record_file(name: str) -> bool:
    """Whether a file is named like one of records."""
    return _RECORDS.search(name) is not None
