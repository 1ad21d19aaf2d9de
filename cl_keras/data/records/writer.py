# SPDX-License-Identifier: Apache-2.0
"""Folders of images or recordings as sharded TFRecord files with an index."""

from __future__ import annotations

import dataclasses
import os
import re
import shutil
import uuid
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from cl_keras.data.file_kinds import text_of
from cl_keras.data.images.decode_all import reason, warn_of_skipped
from cl_keras.data.images.encoded_files import read_encoded
from cl_keras.data.images.folder import find_images
from cl_keras.data.images.tfrecord import ID_KEY, IMAGE_KEY, LABEL_KEY, TEXT_KEY
from cl_keras.data.name_labels import number_labels
from cl_keras.data.records.index import (
    AFTER,
    BEFORE,
    ROWS_FILE,
    FileRecord,
    RecordIndex,
    Shard,
)
from cl_keras.data.sequences.audio import AUDIO_KEY, find_recordings
from cl_keras.data.sequences.recording import common_rate, decode_recording
from cl_keras.data.spec import modality_of, parse
from cl_keras.data.split_folders import split_folders


class _File(NamedTuple):
    path: str
    id: str
    texts: Mapping[str, str]


class _Written(NamedTuple):
    file: _File
    shard: int
    offset: int
    length: int
    size: tuple[int, ...]


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

    The files' bytes are stored as they are, in `tf.train.Example`s, with id, label and
    the label's name. Each file is decoded once: what cannot be is left out, named in
    the index and counted in a warning. `out` appears whole, by rename:
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

    Example:
    >>> index = write_records("folder:photos", "packed")  # doctest: +SKIP
    >>> len(index), len(index.shards)  # doctest: +SKIP
    (60000, 16)
    """
    kind, path = parse(spec)
    if kind != "folder":
        raise ValueError(f"Expected folder:PATH to pack. Received: {spec}")
    if shards < 1:
        raise ValueError(f"Expected `shards` to be at least 1. Received: {shards}")
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
    modality = modality_of(kind, path)
    folders = split_folders(path)
    parts = (
        dict(zip(("train", "test"), folders, strict=True)) if folders else {"": path}
    )
    files: dict[str, list[_File]] = {}
    skipped: list[str] = []
    for part, folder in parts.items():
        found, left_out = _find(modality, folder, path, pattern, label)
        if shuffle_seed is not None:
            order = np.random.default_rng(shuffle_seed).permutation(len(found))
            found = [found[row] for row in order]
        files[part] = found
        skipped += left_out
    rate = None
    if modality == "audio":
        rate = common_rate(file.path for group in files.values() for file in group)
    place.parent.mkdir(parents=True, exist_ok=True)
    building = place.parent / f".{place.name}.{uuid.uuid4().hex}"
    building.mkdir()
    try:
        index = _write(building, name, modality, files, skipped, shards, rate)
        os.rename(building, place)  # Over an empty folder, too.
    finally:
        shutil.rmtree(building, ignore_errors=True)
    warn_of_skipped(index.skipped, len(index) + len(index.skipped), path, depth=3)
    return dataclasses.replace(index, folder=place)


def _find(
    modality: str,
    folder: Path,
    root: Path,
    pattern: str | None,
    label: str | None,
) -> tuple[list[_File], list[str]]:
    texts: Sequence[Mapping[str, str]] | None = None
    if modality == "audio":
        found, texts = find_recordings(folder, pattern)
        if texts is not None and label is not None:
            texts = [{"label": text[label]} for text in texts]
    else:
        found = find_images(folder, pattern=pattern, label=label)
    if texts is None and found.labels is not None and found.class_names is not None:
        texts = [{"label": found.class_names[x]} for x in found.labels.tolist()]
    ids = [
        text_of(os.path.normpath(os.path.relpath(file, root))) for file in found.files
    ]
    return [
        _File(file, id_, {} if texts is None else texts[row])
        for row, (file, id_) in enumerate(zip(found.files, ids, strict=True))
    ], found.skipped


def _write(
    folder: Path,
    name: str,
    modality: str,
    files: Mapping[str, list[_File]],
    skipped: list[str],
    shards: int,
    rate: int | None,
) -> RecordIndex:
    everything = [file for group in files.values() for file in group]
    # One numbering for all parts, of labels that every file has.
    kinds = set.intersection(*(set(file.texts) for file in everything))
    texts = [
        {kind: x.texts[kind] for kind in x.texts if kind in kinds} for x in everything
    ]
    labels, class_names = number_labels(texts)
    numbers = {file.path: row for row, file in enumerate(everything)}
    written: list[_Written] = []
    made: list[Shard] = []
    for part, group in files.items():
        count = max(1, round(shards * len(group) / len(everything)))
        prefix = f"{name}-{part}" if part else name
        names = [
            f"{prefix}-{number:05d}-of-{min(count, len(group)):05d}.tfrecord"
            for number in range(min(count, len(group)))
        ]
        bounds = np.linspace(0, len(group), len(names) + 1).round().astype(int)
        # One reader for all shards: starting one costs more than reading a small one.
        reader = _read(modality, group, rate, skipped)
        good = next(reader, None)
        for file_name, end in zip(names, bounds[1:], strict=True):
            before = len(written)
            with tf.io.TFRecordWriter(str(folder / file_name)) as writer:
                position = 0
                while good is not None and good[0] < end:
                    place, content, size = good
                    file = group[place]
                    row = numbers[file.path]
                    own = {kind: int(labels[kind][row]) for kind in labels}
                    serialized = _example(
                        modality, file, content, size, own, class_names
                    )
                    writer.write(serialized)
                    written.append(
                        _Written(
                            *(file, len(made), position + BEFORE),
                            *(len(serialized), size),
                        )
                    )
                    position += BEFORE + len(serialized) + AFTER
                    good = next(reader, None)
            record = FileRecord.of(folder, file_name)
            made.append(Shard(record, len(written) - before, part))
    if not written:
        raise ValueError(f"None of the files can be used. First: {skipped[0]}")
    rows = [numbers[row.file.path] for row in written]
    arrays: dict[str, Any] = {
        "shard": np.array([row.shard for row in written], np.int64),
        "offset": np.array([row.offset for row in written], np.int64),
        "length": np.array([row.length for row in written], np.int64),
        "size": np.array([row.size for row in written], np.int64),
    }
    for kind, values in labels.items():
        arrays["label" if kind == "label" else f"label_{kind}"] = values[rows]
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
    index.write(_schema(modality, list(class_names)))
    return index


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
        yield row, content, size
    skipped += [f"{text_of(x.path)} ({reason(x.path)})" for x in files[expected:]]


def _keys(modality: str, kind: str) -> tuple[str, str]:
    """Names of the features that hold a label and its name."""
    if modality == "image":
        return LABEL_KEY, TEXT_KEY
    return ("label", "class") if kind == "label" else (f"label_{kind}", f"class_{kind}")


def _schema(modality: str, kinds: Sequence[str]) -> dict[str, str]:
    found = {ID_KEY: "bytes", IMAGE_KEY if modality == "image" else AUDIO_KEY: "bytes"}
    for kind in kinds:
        label, text = _keys(modality, kind)
        found |= {label: "int64", text: "bytes"}
    if modality == "image":
        found |= {"image/height": "int64", "image/width": "int64"}
    return found


def _example(
    modality: str,
    file: _File,
    content: bytes,
    size: tuple[int, ...],
    labels: Mapping[str, int],
    class_names: Mapping[str, tuple[str, ...]],
) -> bytes:
    def raw(value: bytes) -> tf.train.Feature:
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))

    def number(value: int) -> tf.train.Feature:
        return tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))

    key = IMAGE_KEY if modality == "image" else AUDIO_KEY
    features = {key: raw(content), ID_KEY: raw(file.id.encode())}
    if modality == "image":
        features |= {"image/height": number(size[0]), "image/width": number(size[1])}
    for kind, value in labels.items():
        label, text = _keys(modality, kind)
        features[label] = number(value)
        features[text] = raw(class_names[kind][value].encode())
    example = tf.train.Example(features=tf.train.Features(feature=features))
    # The same bytes for the same folder: maps have no order of their own.
    return example.SerializeToString(deterministic=True)
