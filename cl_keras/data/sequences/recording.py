# SPDX-License-Identifier: Apache-2.0
"""One recording: from a file, or its bytes, to a waveform."""

from __future__ import annotations

import collections
import contextlib
import io
import os
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from cl_keras import extras
from cl_keras.preprocessing.wav_header import HIGHEST_RATE, WavHeader, read_header

# Samples of each channel that are decoded at a time.
_BLOCK = 2**18
# What a FLAC file of silence has, more than any other.
_MOST_A_BYTE = 2**16


class UnusableError(ValueError):
    """A recording that cannot be used; the text says why."""


class Header(NamedTuple):
    """What a recording says of itself."""

    rate: int
    frames: int  # Samples of each channel.
    unserved: str | None = None  # The format, if the served graph does not read it.
    wav: WavHeader | None = None


def recording_header(file: str | os.PathLike[str] | bytes) -> Header:
    """Reads what a recording announces."""
    soundfile = extras.require("soundfile", extra="audio")
    try:
        with _opened(file) as stream:
            if not (size := stream.seek(0, os.SEEK_END)):
                raise UnusableError("an empty file")
            wav = read_header(stream)
            if wav is not None and wav.samples:
                return Header(wav.rate, wav.frames, None, wav)
        info = soundfile.info(_source(file))
    except UnusableError:
        raise
    except (soundfile.SoundFileError, OSError) as error:
        raise UnusableError(f"cannot be decoded: {_brief(error)}") from error
    except ValueError as reason:
        raise UnusableError(str(reason)) from reason
    if not info.frames:
        raise UnusableError("holds no samples")
    if info.frames > _MOST_A_BYTE * size or not 0 < info.samplerate <= HIGHEST_RATE:
        raise UnusableError(
            f"says that it has {info.frames:,} samples at {info.samplerate:,} Hz"
        )
    name = info.format if info.format != "WAV" else f"WAV of {info.subtype}"
    return Header(info.samplerate, info.frames, name)


def read_recording(file: str | os.PathLike[str], sample_rate: int) -> np.ndarray:
    """Reads one recording, as `load_audio` does."""
    try:
        return read_waveform(file, sample_rate)
    except UnusableError as reason:
        raise ValueError(
            f"Cannot use the recording {os.fspath(file)}: {reason}."
        ) from reason


def read_waveform(
    file: str | os.PathLike[str] | bytes,
    sample_rate: int,
    header: Header | None = None,
) -> np.ndarray:
    """Reads a waveform, block by block."""
    header = header or recording_header(file)
    resampled: Any = None
    if header.rate != sample_rate:
        soxr = extras.require("soxr", extra="audio")
        resampled = soxr.ResampleStream(header.rate, sample_rate, 1, dtype="float32")
    parts = []
    frames = 0
    for block in _blocks(file, header):
        frames += len(block)
        if not np.isfinite(block).all():
            raise UnusableError("holds NaN or infinity")
        part = block.mean(axis=1, dtype=np.float32)
        if resampled is not None:
            part = resampled.resample_chunk(part)
        parts.append(part)
    if frames < header.frames:
        raise UnusableError("is cut off before its end")
    if resampled is not None:
        parts.append(resampled.resample_chunk(np.zeros(0, np.float32), last=True))
    waveform = np.concatenate(parts)
    if not len(waveform):
        raise UnusableError(f"is too short to be resampled from {header.rate} Hz")
    return waveform


def decode_recording(content: bytes, sample_rate: int, *, least: int = 0) -> np.ndarray:
    """Decodes one recording, as `read_recording` reads a file."""
    found = read_waveform(content, sample_rate)
    return np.pad(found, (0, max(least - len(found), 0)))


def common_rate(files: Iterable[str | os.PathLike[str]]) -> int:
    """Finds the sample rate of most files, as `load_audio` does."""

    def rates() -> Iterator[int]:
        for file in files:
            with contextlib.suppress(UnusableError):
                yield recording_header(file).rate

    return most_common(rates())


def most_common(rates: Iterable[int]) -> int:
    """The rate of most recordings, the higher one on ties; 1 if there are none."""
    counts = collections.Counter(rates)
    return max(counts, key=lambda rate: (counts[rate], rate), default=1)


def _blocks(
    file: str | os.PathLike[str] | bytes, header: Header
) -> Iterator[np.ndarray]:
    """The samples, `(frames, channels)`, some at a time."""
    soundfile = extras.require("soundfile", extra="audio")
    with contextlib.ExitStack() as stack:
        source: Any = _source(file)
        options: dict[str, Any] = {}
        if wav := header.wav:
            # libsndfile decodes the samples; where they are is decided in one place.
            size = wav.frames * wav.block
            source = _Part(stack.enter_context(_opened(file)), wav.start, size)
            options = {
                "samplerate": wav.rate,
                "channels": wav.channels,
                "format": "RAW",
                "subtype": wav.samples,
                "endian": "LITTLE",
            }
        try:
            sound = stack.enter_context(soundfile.SoundFile(source, **options))
            while len(block := sound.read(_BLOCK, "float32", always_2d=True)):
                yield block
        except (soundfile.SoundFileError, OSError) as error:
            raise UnusableError(f"cannot be decoded: {_brief(error)}") from error


class _Part(io.RawIOBase):
    """A part of a file, as a file of its own: what soundfile reads from."""

    def __init__(self, file: BinaryIO, start: int, size: int) -> None:
        super().__init__()
        self._file, self._start, self._size, self._place = file, start, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._place

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        origins = {os.SEEK_CUR: self._place, os.SEEK_END: self._size}
        self._place = origins.get(whence, 0) + offset
        return self._place

    def readinto(self, buffer: Any) -> int:
        left = max(self._size - self._place, 0)
        self._file.seek(self._start + self._place)
        content = self._file.read(min(len(buffer), left))
        memoryview(buffer)[: len(content)] = content
        self._place += len(content)
        return len(content)


def _opened(file: str | os.PathLike[str] | bytes) -> BinaryIO:
    return io.BytesIO(file) if isinstance(file, bytes) else open(file, "rb")


def _source(file: str | os.PathLike[str] | bytes) -> Any:
    """What soundfile reads."""
    return io.BytesIO(file) if isinstance(file, bytes) else os.fspath(file)


def _brief(error: Exception) -> str:
    lines = str(error).splitlines() or [type(error).__name__]
    # The path is named already.
    return lines[0].rpartition(": ")[2][:120]
