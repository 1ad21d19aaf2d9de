# SPDX-License-Identifier: Apache-2.0
"""Images in TFRecord files of `tf.train.Example`."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from cl_keras.data.images.decode_all import decode_images
from cl_keras.data.images.image_data import ImageData
from cl_keras.data.records.example import Example
from cl_keras.data.records.files import checked_files, read_file
from cl_keras.data.records.index import RecordIndex

_NAME_FILES = ("label.labels.txt", "labels.txt", "class_names.txt")
_PARTS = {"train": "train", "test": "test", "val": "test", "validation": "test"}


def load_tfrecord(
    path: Path,
    size: tuple[int, int] | None = None,
    *,
    part: str = "train",
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
    shards = {} if index is None else {x.record.path: x for x in index.shards}
    owners = [
        shards[file.name].part if file.name in shards else _part(file.name)
        for file in files
    ]
    split = {"train", "test"} <= set(owners)
    skipped: dict[str, list[str]] = {"train": [], "test": []}
    records: dict[str, list[Example]] = {"train": [], "test": []}
    for file, owner in zip(files, owners, strict=True):
        owner = (owner or "train") if split else "train"
        records[owner] += read_file(file, "image", skipped[owner], shards)
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
    return _decode(f"tfrecord:{path}", records[part], names, skipped[part], size)


def _part(name: str) -> str | None:
    words = re.split(r"[-_.\d]+", name.lower())
    return next((_PARTS[word] for word in words if word in _PARTS), None)


def _class_names(records: list[Example], folder: Path) -> tuple[str, ...] | None:
    """Names by label: from a file, from the records, or none."""
    labels = [x.labels["label"] for x in records if x.labels]
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
        return tuple(sorted({x.classes["label"] for x in records if x.classes})) or None
    pairs = {
        (x.labels["label"], x.classes["label"])
        for x in records
        if x.labels and x.classes.get("label")
    }
    texts = dict(pairs)
    if not texts or len(texts) < len(pairs) or min(labels) < 0:
        return None  # No names, or one label with two.
    return tuple(texts.get(label, str(label)) for label in range(max(labels) + 1))


def _decode(
    source: str,
    records: list[Example],
    names: tuple[str, ...] | None,
    skipped: list[str],
    size: tuple[int, int] | None,
) -> ImageData:
    index = {name: label for label, name in enumerate(names or ())}
    labels = [
        x.labels.get("label", index.get(x.classes.get("label", ""))) for x in records
    ]
    labelled = any(label is not None for label in labels)
    if labelled:
        pairs = list(zip(records, labels, strict=True))
        skipped += [f"{x.id} (has no label)" for x, label in pairs if label is None]
        records = [x for x, label in pairs if label is not None]
    if not records:
        raise ValueError(
            f"No record of one part of {source} can be used. First: "
            f"{skipped[0] if skipped else 'no record at all'}"
        )
    return decode_images(
        source,
        [record.content for record in records],
        size,
        ids=[str(record.id) for record in records],
        labels=np.array([x for x in labels if x is not None]) if labelled else None,
        class_names=names if labelled else None,
        skipped=skipped,
    )
