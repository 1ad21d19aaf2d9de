# SPDX-License-Identifier: Apache-2.0
"""Images in TFRecord files of `tf.train.Example`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from cl_keras.data.images.decode_all import MAX_BYTES, decode_all, warn_of_skipped
from cl_keras.data.images.image_data import ImageData
from cl_keras.data.records.example import features_of
from cl_keras.data.records.files import checked_files
from cl_keras.data.records.index import RecordIndex

# What `data.write_records` writes; nobody else has an id of this name.
IMAGE_KEY, LABEL_KEY, TEXT_KEY = (
    "image/encoded",
    "image/class/label",
    "image/class/text",
)
ID_KEY = "cl_keras/id"
_IMAGE_KEYS = (IMAGE_KEY, "image")
_LABEL_KEYS = (LABEL_KEY, "label")
_NAME_KEYS = (TEXT_KEY, "class_name")
_NAME_FILES = ("label.labels.txt", "labels.txt", "class_names.txt")
_PARTS = {"train": "train", "test": "test", "val": "test", "validation": "test"}


class Record(NamedTuple):
    """One image of a record file.

    Attributes:
        id: The name that `data.write_records` has stored, else `FILE:NUMBER`, the
            number counting the file's records from 0.
        content: The encoded image.
        label: Its label, or None.
        name: The label's name, or None.
    """

    id: str
    content: bytes
    label: int | None
    name: str | None


def load_tfrecord(
    path: Path,
    size: tuple[int, int] | None = None,
    *,
    part: str = "train",
    max_bytes: int = MAX_BYTES,
    checksums: bool = True,
) -> ImageData | None:
    """Loads the images of TFRecord files.

    Each record is a `tf.train.Example` with the bytes of a JPEG, PNG, GIF or BMP
    under `image/encoded` or `image`; optionally a label, an integer or a text, under
    `image/class/label` or `label`, and its name under `image/class/text` or
    `class_name`. Names may also stand in a file `label.labels.txt` (as TensorFlow
    Datasets writes it), `labels.txt` or `class_names.txt` beside the records, one a
    line. Files whose names begin with `train`, `test`, `val` or `validation`, or have
    it as a word (`pets-train.tfrecord-00000-of-00002`), are these parts. All images
    become RGB. Records that cannot be used are left out, named in `skipped`, and
    counted in a warning; a damaged record ends its file. Where `data.write_records`
    has left an index, the files must be those that it lists, in number, size and
    checksum.
    """
    files = checked_files(path, checksums=checksums)
    if not files:
        raise ValueError(f"Found no .tfrecord file at {path}.")
    index = RecordIndex.find(files[0])
    known = {} if index is None else {x.record.path: x for x in index.shards}
    owners = [
        known[file.name].part if file.name in known else _part(file.name)
        for file in files
    ]
    split = {"train", "test"} <= set(owners)
    skipped: dict[str, list[str]] = {"train": [], "test": []}
    records: dict[str, list[Record]] = {"train": [], "test": []}
    for file, owner in zip(files, owners, strict=True):
        owner = (owner or "train") if split else "train"
        before = len(records[owner])
        records[owner] += _read_records(file, skipped[owner])
        found = len(records[owner]) - before
        if file.name in known and found != known[file.name].count:
            raise ValueError(
                f"{file} holds {known[file.name].count} records by its index. "
                f"Received: {found}. {''.join(skipped[owner][-1:])}"
            )
    everything = records["train"] + records["test"]
    if not everything:
        reasons = skipped["train"] + skipped["test"]
        raise ValueError(
            f"None of the records in {path} can be used. "
            f"First: {reasons[0] if reasons else 'no record at all'}"
        )
    indexed = None if index is None else index.class_names.get("label")
    names = indexed or _class_names(everything, files[0].parent)
    if part == "test" and not split:
        return None
    data = _decode(
        f"tfrecord:{path}", records[part], names, skipped[part], size, max_bytes
    )
    warn_of_skipped(data.skipped, len(data) + len(data.skipped), path)
    return data


def _part(name: str) -> str | None:
    words = re.split(r"[-_.\d]+", name.lower())
    return next((_PARTS[word] for word in words if word in _PARTS), None)


def _read_records(file: Path, skipped: list[str]) -> Iterator[Record]:
    compression = "GZIP" if file.suffix.lower() == ".gz" else ""
    number = 0
    try:
        dataset = tf.data.TFRecordDataset(str(file), compression_type=compression)
        for number, serialized in enumerate(dataset.as_numpy_iterator()):
            name = f"{file.name}:{number}"
            try:
                yield parse_record(name, serialized)
            except ValueError as error:
                skipped.append(f"{file}:{number} ({error})")
            number += 1
    except tf.errors.OpError as error:
        message = error.message.partition("}} ")[2] or error.message
        skipped.append(
            f"{file}:{number} (this and all later records: "
            f"{message.splitlines()[0][:120]})"
        )


def parse_record(name: str, serialized: bytes) -> Record:
    """Takes a serialized `tf.train.Example` apart."""
    features = features_of(serialized)
    content = _bytes(features, _IMAGE_KEYS)
    if content is None:
        known = ", ".join(sorted(features)) or "none"
        raise ValueError(
            f"has no image under {' or '.join(_IMAGE_KEYS)}; keys: {known}"
        )
    text = _bytes(features, _NAME_KEYS)
    label = next(
        (
            features[key].int64_list.value[0]
            for key in _LABEL_KEYS
            if key in features and len(features[key].int64_list.value)
        ),
        None,
    )
    if label is None and text is None:
        text = _bytes(features, _LABEL_KEYS)
    stored = _bytes(features, (ID_KEY,))
    name = name if stored is None else stored.decode()
    return Record(name, content, label, None if text is None else text.decode())


def _bytes(features: object, keys: Sequence[str]) -> bytes | None:
    for key in keys:
        if key in features and len(features[key].bytes_list.value):  # type: ignore
            return features[key].bytes_list.value[0]  # type: ignore[index]
    return None


def _class_names(records: list[Record], folder: Path) -> tuple[str, ...] | None:
    """Names by label: from a file, from the records, or none."""
    labels = [record.label for record in records if record.label is not None]
    for name in _NAME_FILES:
        if (folder / name).is_file():
            lines = (folder / name).read_text(encoding="utf-8").splitlines()
            names = tuple(line.strip() for line in lines if line.strip())
            if labels and not 0 <= min(labels) <= max(labels) < len(names):
                raise ValueError(
                    f"{folder / name} has {len(names)} class names, and the records' "
                    f"labels are {min(labels)}..{max(labels)}."
                )
            return names
    if not labels:
        return tuple(sorted({r.name for r in records if r.name is not None})) or None
    pairs = {(r.label, r.name) for r in records if r.label is not None and r.name}
    texts = dict(pairs)
    if not texts or len(texts) < len(pairs) or min(labels) < 0:
        return None  # No names, or one label with two.
    return tuple(texts.get(label, str(label)) for label in range(max(labels) + 1))


def _decode(
    source: str,
    records: list[Record],
    names: tuple[str, ...] | None,
    skipped: list[str],
    size: tuple[int, int] | None,
    max_bytes: int,
) -> ImageData:
    total = len(records) + len(skipped)
    index = {name: label for label, name in enumerate(names or ())}
    labels = [
        record.label if record.label is not None else index.get(record.name or "")
        for record in records
    ]
    if any(label is not None for label in labels):
        pairs = list(zip(records, labels, strict=True))
        skipped += [f"{r.id} (has no label)" for r, label in pairs if label is None]
        records = [record for record, label in pairs if label is not None]
    if not records:
        raise ValueError(
            f"No record of one part of {source} can be used. First: "
            f"{skipped[0] if skipped else 'no record at all'}"
        )
    images, bad = decode_all(
        [record.content for record in records], size, max_bytes=max_bytes
    )
    skipped += [f"{records[row].id} ({why})" for row, why in bad.items()]
    if not len(images):
        raise ValueError(
            f"None of the {total} images in {source} can be read. First: {skipped[0]}"
        )
    kept = [row for row in range(len(records)) if row not in bad]
    known = [label for label in labels if label is not None]
    return ImageData(
        source,
        images,
        np.array([known[row] for row in kept], np.int64) if known else None,
        names if known else None,
        tuple(skipped),
        tuple(records[row].id for row in kept),
    )
