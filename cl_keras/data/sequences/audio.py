# SPDX-License-Identifier: Apache-2.0
"""Recordings in folders."""

from __future__ import annotations

import collections
import os
import struct
import warnings
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType

import numpy as np

from cl_keras import extras
from cl_keras.data.class_folders import find_files
from cl_keras.data.name_labels import NO_MATCH, NamePattern, number_labels
from cl_keras.data.sequences.sequence_data import ClassNames, Labels, SequenceData

READABLE = frozenset({".wav", ".flac", ".ogg"})
_UNREADABLE = {".mp3", ".m4a", ".aac", ".wma", ".opus", ".aif", ".aiff", ".sph", ".amr"}
_ADVICE = "convert it to WAV or FLAC"
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
    folder without, or with just one, gives unlabelled recordings, unless `pattern`
    reads labels from file names. Channels are averaged to one; other sample rates
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
    if not path.is_dir():
        raise ValueError(f"Expected a folder of recordings. Received: {path}")
    if sample_rate is not None and not sample_rate > 0:
        raise ValueError(
            f"Expected a positive `sample_rate`. Received: sample_rate={sample_rate}"
        )
    names = None if pattern is None else NamePattern(pattern)
    files, labels, class_names, skipped = find_files(
        path, READABLE, _UNREADABLE, _ADVICE, classes=names is None
    )
    if not files:
        raise ValueError(
            f"Found no recording ({', '.join(sorted(READABLE))}) in {path}."
            + (f" Not readable: {', '.join(skipped[:3])}" if skipped else "")
        )
    texts: dict[int, dict[str, str]] = {}
    headers: dict[int, tuple[int, int]] = {}
    for row, file in enumerate(files):
        try:
            if names:
                text = names.read(file)
                if text is None:
                    raise _Unusable(NO_MATCH)
                texts[row] = text
            headers[row] = _header(soundfile, file)
        except _Unusable as reason:
            skipped.append(f"{file} ({reason})")
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
            skipped.append(f"{files[row]} ({reason})")
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
    if names:
        found, found_names = number_labels([texts[row] for row in rows])
    return SequenceData(
        f"folder:{path}",
        tuple(waveforms),
        found,
        found_names,
        tuple(skipped),
        common,
        tuple(os.path.relpath(files[row], path) for row in rows),
    )


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


class _Unusable(Exception):
    """A file that is left out; the text says why."""


def _most_common(rates: Iterable[int]) -> int:
    """The rate of most files, the higher one on ties; 1 if there are none."""
    counts = collections.Counter(rates)
    return max(counts, key=lambda rate: (counts[rate], rate), default=1)


def _header(soundfile: ModuleType, file: str) -> tuple[int, int]:
    """Sample rate and frames that a file announces."""
    if not os.path.getsize(file):
        raise _Unusable("an empty file")
    try:
        info = soundfile.info(file)
    except (soundfile.SoundFileError, OSError) as error:
        raise _Unusable(f"cannot be decoded: {_brief(error)}") from error
    return info.samplerate, info.frames


def _read(
    soundfile: ModuleType, file: str, header: tuple[int, int], sample_rate: int
) -> np.ndarray:
    """One waveform at the rate wanted."""
    rate, frames = header
    if not frames:
        raise _Unusable("holds no samples")
    try:
        samples, _ = soundfile.read(file, dtype="float32", always_2d=True)
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


def _is_cut_off(file: str) -> bool:
    """Whether a WAV file ends before the data its header announces.

    libsndfile reads such a file up to where it ends, without a word.
    """
    with open(file, "rb") as stream:
        if stream.read(4) != b"RIFF":
            return False
        stream.seek(12)
        while len(head := stream.read(8)) == 8:
            name, size = struct.unpack("<4sI", head)
            if name == b"data":
                known = size not in _UNKNOWN_SIZES
                return known and stream.tell() + size > os.path.getsize(file)
            stream.seek(size + size % 2, os.SEEK_CUR)
    return False


def _brief(error: Exception) -> str:
    lines = str(error).splitlines() or [type(error).__name__]
    # The path is named already.
    return lines[0].rpartition(": ")[2][:120]
