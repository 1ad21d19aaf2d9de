# SPDX-License-Identifier: Apache-2.0
"""Recordings in folders."""

from __future__ import annotations

import collections
import contextlib
import io
import os
import struct
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType

import numpy as np

from cl_keras import extras
from cl_keras.data.class_folders import FoundFiles, find_files
from cl_keras.data.file_kinds import READABLE as FILE_KINDS
from cl_keras.data.file_kinds import sorted_suffixes, text_of
from cl_keras.data.name_labels import NO_MATCH, NamePattern, number_labels
from cl_keras.data.sequences.sequence_data import ClassNames, Labels, SequenceData

READABLE = FILE_KINDS["audio"]
AUDIO_KEY = "audio/encoded"  # The feature of records that holds a file's bytes.
# Sizes that streaming writers leave in a header they never come back to.
_UNKNOWN_SIZES = (0, 0xFFFFFFFF)


def load_audio(
    folder: str | os.PathLike[str],
    *,
    sample_rate: int | None = None,
    pattern: str | None = None,
    max_bytes: int = 8 * 2**30,
) -> SequenceData:
    r"""Loads the WAV, FLAC and OGG files of a folder as waveforms.

    Two or more sub-folders are classes, named in sorted order, and may be nested; a
    folder without, or with just one, or with more than a fifth of the recordings
    beside them, gives unlabelled recordings, unless `pattern` reads labels from file
    names. Channels are averaged to one; other sample rates
    are resampled. Files that cannot be used (not decodable, cut off, empty, holding
    NaN) are left out, named in `skipped`, and counted in a warning.

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
    soundfile = extras.require("soundfile", extra="audio")
    if sample_rate is not None and not sample_rate > 0:
        raise ValueError(
            f"Expected a positive `sample_rate`. Received: sample_rate={sample_rate}"
        )
    (files, labels, class_names, skipped), texts = find_recordings(path, pattern)
    headers: dict[int, tuple[int, int]] = {}
    for row, file in enumerate(files):
        try:
            headers[row] = _header(soundfile, file)
        except _Unusable as reason:
            skipped.append(f"{text_of(file)} ({reason})")
    common = sample_rate or _most_common(rate for rate, _ in headers.values())
    needed = sum(4 * frames * common // rate for rate, frames in headers.values())
    if needed > max_bytes:
        raise ValueError(
            f"{len(headers)} recordings need {needed / 2**30:.1f} GiB of memory, more "
            f"than the limit of {max_bytes / 2**30:.1f} GiB. Choose a smaller "
            "`sample_rate`, or load a part of the folder."
        )
    waveforms, rows = [], []
    for row in headers:
        try:
            waveforms.append(_read(soundfile, files[row], headers[row], common))
            rows.append(row)
        except _Unusable as reason:
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
    )


def find_recordings(
    path: Path, pattern: str | None = None
) -> tuple[FoundFiles, list[dict[str, str]] | None]:
    """Finds the recordings of a folder with their labels, without reading them.

    Args:
        path: The folder.
        pattern: As in `load_audio`.

    Returns:
        The files, at least one; with a pattern, without labels, but with the text of
        each kind of labels for each file, as `number_labels` takes it.

    Raises:
        ValueError: If there is no recording, or the pattern has no named group.
    """
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


def read_recording(file: str | os.PathLike[str], sample_rate: int) -> np.ndarray:
    """Reads one recording, as `load_audio` does.

    Args:
        file: A WAV, FLAC or OGG file.
        sample_rate: Samples a second wanted.

    Returns:
        `(samples,)` float32.

    Raises:
        ValueError: If it cannot be used.
        ImportError: If soundfile (or, where rates differ, soxr) is not installed.
    """
    soundfile = extras.require("soundfile", extra="audio")
    name = os.fspath(file)
    try:
        return _read(soundfile, name, _header(soundfile, name), sample_rate)
    except _Unusable as reason:
        raise ValueError(f"Cannot use the recording {name}: {reason}.") from reason


def decode_recording(content: bytes, sample_rate: int, *, least: int = 0) -> np.ndarray:
    """Decodes one recording, as `read_recording` reads a file.

    Args:
        content: The bytes of a WAV, FLAC or OGG file.
        sample_rate: Samples a second wanted.
        least: A shorter recording gets zeros at its end.

    Returns:
        `(samples,)` float32.

    Raises:
        ValueError: With the reason, if it cannot be used.
        ImportError: If soundfile (or, where rates differ, soxr) is not installed.
    """
    soundfile = extras.require("soundfile", extra="audio")
    try:
        found = _read(soundfile, content, _header(soundfile, content), sample_rate)
    except _Unusable as reason:
        raise ValueError(str(reason)) from reason
    return np.pad(found, (0, max(least - len(found), 0)))


def common_rate(files: Iterable[str | os.PathLike[str]]) -> int:
    """Finds the sample rate of most files, as `load_audio` does.

    Args:
        files: WAV, FLAC or OGG files; those that cannot be read are passed over.

    Returns:
        Samples a second, the higher rate on ties; 1 if no file can be read.

    Raises:
        ImportError: If soundfile is not installed.

    Example:
    >>> common_rate([])
    1
    """
    soundfile = extras.require("soundfile", extra="audio")

    def rates() -> Iterator[int]:
        for file in files:
            with contextlib.suppress(_Unusable):
                yield _header(soundfile, os.fspath(file))[0]

    return _most_common(rates())


class _Unusable(Exception):
    """A file that is left out; the text says why."""


def _most_common(rates: Iterable[int]) -> int:
    """The rate of most files, the higher one on ties; 1 if there are none."""
    counts = collections.Counter(rates)
    return max(counts, key=lambda rate: (counts[rate], rate), default=1)


def _header(soundfile: ModuleType, file: str | bytes) -> tuple[int, int]:
    """Sample rate and frames that a file, or its bytes, announces."""
    if not _size(file):
        raise _Unusable("an empty file")
    try:
        info = soundfile.info(_source(file))
    except (soundfile.SoundFileError, OSError) as error:
        raise _Unusable(f"cannot be decoded: {_brief(error)}") from error
    return info.samplerate, info.frames


def _read(
    soundfile: ModuleType, file: str | bytes, header: tuple[int, int], sample_rate: int
) -> np.ndarray:
    """One waveform at the rate wanted."""
    rate, frames = header
    if not frames:
        raise _Unusable("holds no samples")
    try:
        samples, _ = soundfile.read(_source(file), dtype="float32", always_2d=True)
    except (soundfile.SoundFileError, OSError) as error:
        raise _Unusable(f"cannot be decoded: {_brief(error)}") from error
    if len(samples) < frames or _is_cut_off(file):
        raise _Unusable("is cut off before its end")
    if not np.isfinite(samples).all():
        raise _Unusable("holds NaN or infinity")
    waveform = samples.mean(axis=1, dtype=np.float32)
    if rate != sample_rate:
        soxr = extras.require("soxr", extra="audio")
        waveform = soxr.resample(waveform, rate, sample_rate).astype(np.float32)
        if not len(waveform):
            raise _Unusable(f"is too short to be resampled from {rate} Hz")
    return np.ascontiguousarray(waveform)


def _source(file: str | bytes) -> str | io.BytesIO:
    """What soundfile reads."""
    return io.BytesIO(file) if isinstance(file, bytes) else file


def _size(file: str | bytes) -> int:
    return len(file) if isinstance(file, bytes) else os.path.getsize(file)


def _is_cut_off(file: str | bytes) -> bool:
    """Whether a WAV file ends before the data its header announces.

    libsndfile reads such a file up to where it ends, without a word.
    """
    opened = io.BytesIO(file) if isinstance(file, bytes) else open(file, "rb")
    with opened as stream:
        if stream.read(4) != b"RIFF":
            return False
        stream.seek(12)
        while len(head := stream.read(8)) == 8:
            name, size = struct.unpack("<4sI", head)
            if name == b"data":
                known = size not in _UNKNOWN_SIZES
                return known and stream.tell() + size > _size(file)
            stream.seek(size + size % 2, os.SEEK_CUR)
    return False


def _brief(error: Exception) -> str:
    lines = str(error).splitlines() or [type(error).__name__]
    # The path is named already.
    return lines[0].rpartition(": ")[2][:120]
