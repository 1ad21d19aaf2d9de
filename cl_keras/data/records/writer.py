# SPDX-License-Identifier: Apache-2.0
"""Folders of images or recordings as sharded TFRecord files with an index."""

from __future__ import annotations

import dataclasses
import errno
import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from cl_keras import check
from cl_keras.data.file_kinds import text_of
from cl_keras.data.images.decode_all import reason
from cl_keras.data.images.encoded import read_encoded
from cl_keras.data.opening import open as open_source
from cl_keras.data.records.example import schema_of, write_example
from cl_keras.data.records.index import (
    AFTER,
    BEFORE,
    ROWS_FILE,
    FileRecord,
    RecordIndex,
    Shard,
)
from cl_keras.data.sequences.recording import common_rate, decode_recording
from cl_keras.data.skipped import warn_of_skipped
from cl_keras.files import draft_of, naming
from cl_keras.labels import number_labels
from cl_keras.preprocessing import photos


class _File(NamedTuple):
    path: str
    id: str
    texts: dict[str, str]


def write_records(
    spec: str,
    out: str | os.PathLike[str],
    *,
    shards: int = 16,
    name: str | None = None,
    pattern: str | None = None,
    label: str | None = None,
    shuffle_seed: int | None = None,
) -> RecordIndex:
    """Packs a folder of images or recordings into TFRecord files.

    The files' bytes are stored as they are (of TIFF, HEIC and AVIF, as PNG), in
    `tf.train.Example`s, with id, label and the label's name. Each file is decoded once:
    what cannot be is left out, named in the index and counted in a warning. `out`
    appears whole, by rename:
    `NAME-00000-of-00016.tfrecord`, ..., or `NAME-train-...` and `NAME-test-...` of a
    folder that has these parts; `index.json` (schema, class names, records, size and
    SHA-256 of each shard, skipped files) and `rows.npz` (where each record is).

    `tfrecord:OUT` names it as data; `record_images` reads it without loading it.

    Args:
        spec: `folder:PATH`.
        out: The folder to make; it must not exist or be empty.
        shards: Files of records; of two parts, shared out by their sizes.
        name: What the files' names begin with; by default the name of `out`.
        pattern: Labels in the files' names, as in `data.load`.
        label: The group of `pattern` that gives the labels, as in `data.load`.
        shuffle_seed: Mixes the records (of each part), for programs that read shard
            after shard and shuffle in a small buffer; None keeps the order of the
            folder.

    Returns:
        The index.

    Raises:
        ValueError: If the data is not a folder, no file of it can be used, or an
            argument is out of range.
        OSError: If `out` cannot be written; nothing of it is there then.

    Example:
    >>> index = write_records("folder:photos", "packed")  # doctest: +SKIP
    >>> len(index), len(index.shards)  # doctest: +SKIP
    (60000, 16)
    """
    source = open_source(spec, pattern=pattern, label=label)
    if source.kind != "folder":
        raise ValueError(f"Expected folder:PATH to pack. Received: {spec}")
    check.at_least(1, shards=shards)
    place = Path(out).expanduser()
    if place.exists() and (not place.is_dir() or any(place.iterdir())):
        raise ValueError(
            f"Expected a folder that does not exist or is empty. Received: {place}"
        )
    name = place.resolve().name if name is None else name
    if not re.fullmatch(r"[\w.-]+", name):
        raise ValueError(
            "Expected a `name` of letters, digits, '.', '_' and '-'. Received: "
            f"name={name!r}"
        )
    files: dict[str, list[_File]] = {}
    skipped: list[str] = []
    for part in source.folders:
        found = source.files(part or "train")
        ids = [os.path.normpath(os.path.relpath(x, source.path)) for x in found.files]
        rows = zip(found.files, map(text_of, ids), found.label_texts(), strict=True)
        files[part] = [_File(*row) for row in rows]
        if shuffle_seed is not None:
            order = np.random.default_rng(shuffle_seed).permutation(len(files[part]))
            files[part] = [files[part][row] for row in order]
        skipped += found.skipped
    rate = None
    if source.modality == "audio":
        rate = common_rate(file.path for group in files.values() for file in group)
    building = draft_of(place)
    building.mkdir()
    try:
        with naming(place):
            index = _write(
                building, name, source.modality, files, skipped, shards, rate
            )
            os.rename(building, place)  # Over an empty folder, too.
    except tf.errors.ResourceExhaustedError as error:  # Of the writer of records.
        raise OSError(errno.ENOSPC, error.message, str(place)) from error
    finally:
        shutil.rmtree(building, ignore_errors=True)
    warn_of_skipped(index.skipped, len(index) + len(index.skipped), source.path)
    return dataclasses.replace(index, folder=place)


def _write(
    folder: Path,
    name: str,
    modality: str,
    files: dict[str, list[_File]],
    skipped: list[str],
    shards: int,
    rate: int | None,
) -> RecordIndex:
    everything = [file for group in files.values() for file in group]
    # One numbering for all parts.
    labels, class_names = number_labels([file.texts for file in everything])
    made: list[Shard] = []
    columns: dict[str, list[Any]] = {}
    first = 0
    for part, group in files.items():
        own = {kind: values[first:] for kind, values in labels.items()}
        first += len(group)
        count = min(max(1, round(shards * len(group) / len(everything))), len(group))
        prefix = f"{name}-{part}" if part else name
        # One reader for all shards: starting one costs more than reading a small one.
        examples = _examples(modality, group, own, class_names, rate, skipped)
        for file_name, rows in _write_shards(
            folder, prefix, count, len(group), examples
        ):
            for row in rows:
                for column, value in {"shard": len(made), **row}.items():
                    columns.setdefault(column, []).append(value)
            made.append(Shard(FileRecord.of(folder, file_name), len(rows), part))
    if not columns:
        raise ValueError(f"None of the files can be used. First: {skipped[0]}")
    arrays: dict[str, Any] = {k: np.array(x, np.int64) for k, x in columns.items()}
    np.savez_compressed(folder / ROWS_FILE, **arrays)
    index = RecordIndex(
        folder,
        name,
        modality,
        tuple(made),
        FileRecord.of(folder, ROWS_FILE),
        class_names,
        tuple(skipped),
        rate,
    )
    index.write(schema_of(modality, class_names))
    return index


def _examples(
    modality: str,
    files: Sequence[_File],
    labels: Mapping[str, np.ndarray],
    class_names: Mapping[str, tuple[str, ...]],
    rate: int | None,
    skipped: list[str],
) -> Iterator[tuple[int, bytes, dict[str, Any]]]:
    """Numbers of the good files, them as examples, and what the index says of each."""
    for row, content, size in _read(modality, files, rate, skipped):
        own = {kind: int(values[row]) for kind, values in labels.items()}
        facts = {"label" if k == "label" else f"label_{k}": x for k, x in own.items()}
        name = files[row].id
        example = write_example(modality, content, name, size, own, class_names)
        yield row, example, {"size": size, **facts}


def _write_shards(
    folder: Path,
    prefix: str,
    count: int,
    total: int,
    examples: Iterator[tuple[int, bytes, dict[str, Any]]],
) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Names of the files that are written, with a row for each record."""
    bounds = np.linspace(0, total, count + 1).round().astype(int)
    ahead = next(examples, None)
    for number, end in enumerate(bounds[1:]):
        name = f"{prefix}-{number:05d}-of-{count:05d}.tfrecord"
        rows, position = [], 0
        with tf.io.TFRecordWriter(str(folder / name)) as writer:
            while ahead is not None and ahead[0] < end:
                _, example, facts = ahead
                writer.write(example)
                place = {"offset": position + BEFORE, "length": len(example)}
                rows.append(place | facts)
                position += BEFORE + len(example) + AFTER
                ahead = next(examples, None)
        yield name, rows


def _read(
    modality: str, files: Sequence[_File], rate: int | None, skipped: list[str]
) -> Iterator[tuple[int, bytes, tuple[int, ...]]]:
    """Numbers, contents and sizes of the good files; the others are named."""
    if modality == "audio":
        for place, file in enumerate(files):
            try:
                content = Path(file.path).read_bytes()
                yield place, content, (len(decode_recording(content, rate or 1)),)
            except (OSError, ValueError) as error:
                skipped.append(f"{text_of(file.path)} ({error})")
        return
    expected = 0
    for row, content, size, _ in read_encoded([file.path for file in files]):
        skipped += [
            f"{text_of(x.path)} ({reason(x.path)})" for x in files[expected:row]
        ]
        expected = row + 1
        # Records are for all, so of a TIFF, HEIC or AVIF file they hold a PNG.
        yield row, photos.served(content), size
    skipped += [f"{text_of(x.path)} ({reason(x.path)})" for x in files[expected:]]
