# SPDX-License-Identifier: Apache-2.0
"""Recordings in folders."""

from __future__ import annotations

import os
import warnings
from collections import Counter
from pathlib import Path

from cl_keras import extras
from cl_keras.data.class_folders import FoundFiles, find_files
from cl_keras.data.file_kinds import READABLE as FILE_KINDS
from cl_keras.data.file_kinds import sorted_suffixes, text_of
from cl_keras.data.name_labels import NO_MATCH, NamePattern, number_labels
from cl_keras.data.sequences.recording import (
    Header,
    UnusableError,
    most_common,
    read_waveform,
    recording_header,
)
from cl_keras.data.sequences.sequence_data import ClassNames, Labels, SequenceData
from cl_keras.progress import Progress

READABLE = FILE_KINDS["audio"]
AUDIO_KEY = "audio/encoded"  # The feature of records that holds a file's bytes.


def load_audio(
    folder: str | os.PathLike[str],
    *,
    sample_rate: int | None = None,
    pattern: str | None = None,
    max_bytes: int = 8 * 2**30,
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
    if sample_rate is not None and not sample_rate > 0:
        raise ValueError(
            f"Expected a positive `sample_rate`. Received: sample_rate={sample_rate}"
        )
    (files, labels, class_names, skipped), texts = find_recordings(path, pattern)
    headers: dict[int, Header] = {}
    for row, file in enumerate(files):
        try:
            headers[row] = recording_header(file)
        except UnusableError as reason:
            skipped.append(f"{text_of(file)} ({reason})")
    common = sample_rate or most_common(found.rate for found in headers.values())
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
    if skipped:
        warnings.warn(
            f"Skipped {len(skipped)} of {len(waveforms) + len(skipped)} files in "
            f"{path}: {'; '.join(skipped[:3])}" + (" ..." if len(skipped) > 3 else ""),
            stacklevel=2,
        )
    found: Labels | None = None if labels is None else labels[rows]
    found_names: ClassNames | None = class_names
    if texts is not None:
        found, found_names = number_labels([texts[row] for row in rows])
    return SequenceData(
        f"folder:{path}",
        tuple(waveforms),
        found,
        found_names,
        tuple(skipped),
        common,
        tuple(text_of(os.path.relpath(files[row], path)) for row in rows),
        Counter(name for row in rows if (name := headers[row].unserved)),
    )


def find_recordings(
    path: Path, pattern: str | None = None
) -> tuple[FoundFiles, list[dict[str, str]] | None]:
    """Finds the recordings of a folder with their labels, without reading them."""
    if not path.is_dir():
        raise ValueError(f"Expected a folder of recordings. Received: {path}")
    names = None if pattern is None else NamePattern(pattern)
    found = find_files(path, "audio", classes=names is None)
    if not found.files:
        raise ValueError(
            f"Found no recording ({sorted_suffixes('audio')}) in {path}."
            + (
                f" Not readable: {', '.join(found.skipped[:3])}"
                if found.skipped
                else ""
            )
        )
    if names is None:
        return found, None
    texts = {file: names.read(text_of(file)) for file in found.files}
    kept = {file: text for file, text in texts.items() if text is not None}
    skipped = [
        f"{text_of(file)} ({NO_MATCH})" for file in found.files if file not in kept
    ]
    if not kept:
        raise ValueError(
            f"None of the {len(texts)} recordings in {path} can be used. "
            f"First: {skipped[0]}"
        )
    files = FoundFiles(list(kept), None, None, found.skipped + skipped)
    return files, list(kept.values())
