# SPDX-License-Identifier: Apache-2.0
"""Recordings in TFRecord files that `data.write_records` has packed."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from cl_keras.data.images.decode_all import warn_of_skipped
from cl_keras.data.images.tfrecord import ID_KEY
from cl_keras.data.records.example import features_of
from cl_keras.data.records.index import RecordIndex
from cl_keras.data.sequences.audio import AUDIO_KEY
from cl_keras.data.sequences.recording import read_waveform, recording_header
from cl_keras.data.sequences.sequence_data import ClassNames, Labels, SequenceData


class RecordingExample(NamedTuple):
    """What a record holds.

    Attributes:
        content: The bytes of the file.
        id: Its name, or None.
        labels: Its labels by kind.
        classes: The labels' names by kind.
    """

    content: bytes
    id: str | None
    labels: dict[str, int]
    classes: dict[str, str]


def parse_recording(serialized: bytes) -> RecordingExample:
    """Takes a serialized `tf.train.Example` apart."""
    features = features_of(serialized)
    if AUDIO_KEY not in features or not features[AUDIO_KEY].bytes_list.value:
        known = ", ".join(sorted(features)) or "none"
        raise ValueError(f"has no recording under {AUDIO_KEY}; keys: {known}")
    labels: dict[str, int] = {}
    classes: dict[str, str] = {}
    for key in features:
        name, _, kind = key.partition("_")
        if name == "label" and features[key].int64_list.value:
            labels[kind or name] = features[key].int64_list.value[0]
        elif name == "class" and features[key].bytes_list.value:
            classes[kind or "label"] = features[key].bytes_list.value[0].decode()
    stored = (
        features[ID_KEY].bytes_list.value[0].decode() if ID_KEY in features else None
    )
    content = features[AUDIO_KEY].bytes_list.value[0]
    return RecordingExample(content, stored, labels, classes)


def load_audio_records(
    path: Path,
    *,
    sample_rate: int | None = None,
    part: str = "train",
    checksums: bool = True,
) -> SequenceData | None:
    """Loads packed recordings as `load_audio` loads their files."""
    index = RecordIndex.find(path) if path.is_dir() else None
    if index is None:
        raise ValueError(
            "Expected the folder of recordings that data.write_records or `cl-keras "
            f"pack` has written. Received: {path}"
        )
    shards = index.part(part)
    if not shards:
        return None
    index.verify(checksums=checksums)
    rate = sample_rate or index.sample_rate or 1
    waveforms: list[np.ndarray] = []
    ids: list[str] = []
    labels: dict[str, list[int]] = {kind: [] for kind in index.class_names}
    skipped: list[str] = []
    unserved: Counter[str] = Counter()
    for shard in shards:
        file = index.folder / shard.record.path
        count = 0
        for count, record in enumerate(tf.data.TFRecordDataset(str(file)), start=1):
            example = parse_recording(record.numpy())
            try:
                header = recording_header(example.content)
                waveforms.append(read_waveform(example.content, rate, header))
            except ValueError as error:  # Too short for the rate wanted.
                skipped.append(f"{example.id} ({error})")
                continue
            unserved.update([header.unserved] if header.unserved else [])
            ids.append(example.id or f"{file.name}:{count - 1}")
            for kind, values in labels.items():
                values.append(example.labels[kind])
        if count != shard.count:
            raise ValueError(
                f"{file} holds {shard.count} records by its index. Received: {count}"
            )
    warn_of_skipped(skipped, len(waveforms) + len(skipped), path)
    found: Labels | None = {k: np.array(x, np.int64) for k, x in labels.items()} or None
    names: ClassNames | None = dict(index.class_names) or None
    if set(labels) == {"label"}:
        found = np.array(labels["label"], np.int64)
        names = index.class_names["label"]
    return SequenceData(
        f"tfrecord:{path}",
        tuple(waveforms),
        found,
        names,
        tuple(skipped),
        rate,
        tuple(ids),
        unserved,
    )
