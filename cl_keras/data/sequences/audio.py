# SPDX-License-Identifier: Apache-2.0
"""Recordings in folders and in records."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from cl_keras import extras
from cl_keras.data.file_kinds import text_of
from cl_keras.data.listing import FoundFiles, find_examples
from cl_keras.data.records.files import read_file
from cl_keras.data.records.index import RecordIndex
from cl_keras.data.sequences.recording import (
    Header,
    UnusableError,
    most_common,
    read_waveform,
    recording_header,
)
from cl_keras.data.sequences.sequence_data import ClassNames, Labels, SequenceData
from cl_keras.data.skipped import warn_of_skipped
from cl_keras.labels import number_labels
from cl_keras.progress import Progress

MAX_BYTES = 8 * 2**30


def load_audio(
    folder: str | os.PathLike[str],
    *,
    sample_rate: int | None = None,
    pattern: str | None = None,
    max_bytes: int = MAX_BYTES,
) -> SequenceData:
    r"""Loads the WAV, FLAC, OGG, MP3 and AIFF files of a folder as waveforms.

    Two or more sub-folders are classes, named in sorted order, and may be nested; a
    folder without, or with just one, or with more than a fifth of the recordings
    beside them, gives unlabelled recordings, unless `pattern` reads labels from file
    names. Channels are averaged to one; other sample rates
    are resampled. Files that cannot be used (not decodable, cut off, empty, holding
    NaN) are left out, named in `skipped`, and counted in a warning. WAV files whose
    sizes were left open, as programs that write to a pipe leave them, are read to
    their end.

    Args:
        folder: The folder.
        sample_rate: Samples a second wanted; if None, the rate of most files.
        pattern: Regular expression with named groups, searched in each file's name:
            each group becomes a kind of labels, and class folders give none. Files
            without a match are skipped.
        max_bytes: Largest allowed size of the decoded set, in bytes.

    Returns:
        The recordings, in the order of their sorted paths: float32, in [-1, 1] for
        integer formats. With `pattern`, `labels` and `class_names` are dicts.

    Raises:
        ValueError: If the folder is missing, has no usable file or is too large, or
            the pattern has no named group.
        ImportError: If soundfile (or, where rates differ, soxr) is not installed.

    Example:
    >>> pattern = r"(?P<digit>\d)_(?P<speaker>[a-z]+)_(?P<index>\d+)"
    >>> speech = load_audio("recordings", pattern=pattern)  # doctest: +SKIP
    >>> speech.class_names["speaker"]  # doctest: +SKIP
    ('george', 'jackson', 'lucas', 'nicolas', 'theo', 'yweweler')
    """
    path = Path(folder)
    extras.require("soundfile", extra="audio")
    found = find_examples(path, "audio", pattern=pattern)
    return read_audio(path, found, sample_rate, max_bytes)


def read_audio(
    path: Path,
    found: FoundFiles,
    sample_rate: int | None = None,
    max_bytes: int = MAX_BYTES,
) -> SequenceData:
    """Reads listed recordings as `load_audio` does."""
    if sample_rate is not None and not sample_rate > 0:
        raise ValueError(
            f"Expected a positive `sample_rate`. Received: sample_rate={sample_rate}"
        )
    files, labels, class_names, _ = found
    skipped = list(found.skipped)
    headers: dict[int, Header] = {}
    for row, file in enumerate(files):
        try:
            headers[row] = recording_header(file)
        except UnusableError as reason:
            skipped.append(f"{text_of(file)} ({reason})")
    common = sample_rate or most_common(header.rate for header in headers.values())
    needed = sum(4 * x.frames * common // x.rate for x in headers.values())
    if needed > max_bytes:
        raise ValueError(
            f"{len(headers)} recordings need {needed / 2**30:.1f} GiB of memory, more "
            f"than the limit of {max_bytes / 2**30:.1f} GiB. Choose a smaller "
            "`sample_rate`, or load a part of the folder."
        )
    waveforms, rows = [], []
    progress = Progress(f"recordings of {path} read", len(headers))
    for row in headers:
        progress.add(1)
        try:
            waveforms.append(read_waveform(files[row], common, headers[row]))
            rows.append(row)
        except UnusableError as reason:
            skipped.append(f"{text_of(files[row])} ({reason})")
    if not waveforms:
        raise ValueError(
            f"None of the {len(files)} recordings in {path} can be used. "
            f"First: {skipped[0]}"
        )
    warn_of_skipped(skipped, len(waveforms) + len(skipped), path)
    if isinstance(labels, Mapping):  # Of names, only those that are left count.
        texts = found.label_texts()
        labels, class_names = number_labels([texts[row] for row in rows])
    elif labels is not None:
        labels = labels[rows]
    return SequenceData(
        f"folder:{path}",
        tuple(waveforms),
        labels,
        class_names,
        tuple(skipped),
        common,
        tuple(text_of(os.path.relpath(files[row], path)) for row in rows),
        Counter(name for row in rows if (name := headers[row].unserved)),
    )


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
