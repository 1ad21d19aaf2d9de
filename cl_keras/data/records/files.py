# SPDX-License-Identifier: Apache-2.0
"""Files of records: which these are, whether as they were written, what they hold."""

from __future__ import annotations

import glob
import gzip
import math
import os
import re
import struct
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import tensorflow as tf

from cl_keras.data.records.example import Example, read_example
from cl_keras.data.records.index import AFTER, BEFORE, RecordIndex, Shard
from cl_keras.operation_error import brief
from cl_keras.untuned import untuned

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


def whole_records(file: str | os.PathLike[str]) -> tuple[int, str]:
    """Counts the records whose lengths end within a file; says what follows, if any.

    TensorFlow makes room for whatever a length says, and the process ends.
    """
    packed = is_packed(os.fspath(file))
    size = math.inf if packed else os.path.getsize(file)
    count = position = 0
    with gzip.open(file) if packed else open(file, "rb") as stream:
        while len(head := stream.read(8)) == 8:
            (length,) = struct.unpack("<Q", head)
            position += BEFORE + length + AFTER
            # Of a packed file the end is known once it is reached.
            if position > size or stream.seek(position) < position:
                return count, f"corrupted or cut off: it would have {length:,} bytes"
            count += 1
    return count, "cut off" if head else ""


def is_packed(file: str) -> bool:
    """Whether a file of records is compressed, by its name."""
    return file.lower().endswith(".gz")


def read_file(
    file: Path, modality: str, skipped: list[str], shards: Mapping[str, Shard]
) -> Iterator[Example]:
    """Takes the records of a file apart; what comes after damage is left out.

    Records without a name get `FILE:NUMBER`, counted from 0. A file that an index lists
    must hold as many as it says.
    """
    compression = "GZIP" if is_packed(file.name) else ""
    number = good = 0
    try:
        count, beyond = whole_records(file)
        dataset = tf.data.TFRecordDataset(str(file), compression_type=compression)
        records = untuned(dataset.take(count)).as_numpy_iterator()
        for number, serialized in enumerate(records):
            try:
                example = read_example(serialized, modality)
            except ValueError as error:
                skipped.append(f"{file}:{number} ({error})")
            else:
                good += 1
                name = f"{file.name}:{number}" if example.id is None else example.id
                yield example._replace(id=name)
            number += 1
        if beyond:
            skipped.append(f"{file}:{count} (this and all later records: {beyond})")
    except (tf.errors.OpError, OSError, EOFError, zlib.error) as error:
        skipped.append(f"{file}:{number} (this and all later records: {brief(error)})")
    listed = shards.get(file.name)
    if listed is not None and good != listed.count:
        raise ValueError(
            f"{file} holds {listed.count} records by its index. Received: {good}. "
            f"{''.join(skipped[-1:])}"
        )
