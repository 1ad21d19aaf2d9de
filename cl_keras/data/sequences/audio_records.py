# SPDX-License-Identifier: Apache-2.0
"""Recordings in TFRecord files that `data.write_records` has packed."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np

from cl_keras.data.records.files import read_file
from cl_keras.data.records.index import RecordIndex
from cl_keras.data.sequences.recording import read_waveform, recording_header
from cl_keras.data.sequences.sequence_data import ClassNames, Labels, SequenceData
from cl_keras.data.skipped import warn_of_skipped


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
    listed = {shard.record.path: shard for shard in shards}
    for name in listed:
        for example in read_file(index.folder / name, "audio", skipped, listed):
            try:
                header = recording_header(example.content)
                waveforms.append(read_waveform(example.content, rate, header))
            except ValueError as error:  # Too short for the rate wanted.
                skipped.append(f"{example.id} ({error})")
                continue
            unserved.update([header.unserved] if header.unserved else [])
            ids.append(str(example.id))
            for kind, values in labels.items():
                values.append(example.labels[kind])
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
