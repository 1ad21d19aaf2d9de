# SPDX-License-Identifier: Apache-2.0
"""Which WAV files are read, in training and by the served graph: one table and rule.

Standard library only. Training reads headers with `read_header` and the samples with
libsndfile; `preprocessing.wav` does the same with TensorFlow's operations.
"""

from __future__ import annotations

import os
import struct
from typing import BinaryIO, NamedTuple

PCM, FLOAT, A_LAW, MU_LAW, EXTENSIBLE = 1, 3, 6, 7, 0xFFFE

#: The samples that are read, by the number of their format and their bytes:
#: libsndfile's name.
SAMPLES = {
    (PCM, 1): "PCM_U8",
    (PCM, 2): "PCM_16",
    (PCM, 3): "PCM_24",
    (PCM, 4): "PCM_32",
    (FLOAT, 4): "FLOAT",
    (FLOAT, 8): "DOUBLE",
    (A_LAW, 1): "ALAW",
    (MU_LAW, 1): "ULAW",
}
#: What it reads, and what training reads beside it, in words.
READ = "WAV, RF64, BW64: PCM of 8, 16, 24 or 32 bits, floats of 32 or 64, mu-law, A-law"
NOT_SERVED = "FLAC, OGG, MP3, AIFF, ADPCM"

#: First letters: RF64 and BW64 have sizes of 64 bits in a chunk `ds64`.
CONTAINERS = (b"RIFF", b"RF64", b"BW64")
LARGE = 0xFFFFFFFF
MOST_CHUNKS = 1000
HIGHEST_RATE = 10**8
#: Sizes of data that programs write which cannot come back to the header (to a pipe:
#: ffmpeg 2^32 - 1, arecord 2^31, sox 2^31 - 4096, others less their header), but for 0.
OPEN_SIZES = ((2**31 - 2**16, 2**31 + 2**16), (2**32 - 2**16, 2**32))
FORMAT_BYTES, EXTENSIBLE_BYTES = 16, 40


class WavHeader(NamedTuple):
    """What a WAV file says of itself."""

    samples: str | None  # libsndfile's name of them; None if not in `SAMPLES`.
    channels: int
    rate: int
    start: int  # Where the data begin.
    frames: int  # Samples of each channel, if `samples` is known.
    block: int  # Bytes of one sample of all channels.


def read_header(stream: BinaryIO) -> WavHeader | None:
    """Reads the header of a WAV file.

    The size of the data may be left open, as programs that write to a pipe leave it:
    the data then go on to the end.
    """
    length = stream.seek(0, os.SEEK_END)
    stream.seek(0)
    begin = stream.read(12)
    if begin[:4] not in CONTAINERS or begin[8:] != b"WAVE":
        return None
    form, sizes = b"", b""
    for _ in range(MOST_CHUNKS):
        head = stream.read(8)
        if len(head) < 8:
            break
        name, size = struct.unpack("<4sI", head)
        if name == b"data":
            if len(form) < FORMAT_BYTES:
                break
            start = stream.tell()
            if size == LARGE and len(sizes) >= 16:
                (size,) = struct.unpack("<q", sizes[8:16])
            return _header(form, start, _data_size(stream, size, length))
        position = stream.tell()
        if name == b"fmt ":
            form = stream.read(min(size, EXTENSIBLE_BYTES))
        elif name == b"ds64":
            sizes = stream.read(min(size, 28))
        stream.seek(position + size + size % 2)
    raise ValueError("cannot be decoded: it has no format and data")


def is_open(size: int) -> bool:
    """Whether a size of data is one that is written where it is not known."""
    return any(low <= size < high for low, high in OPEN_SIZES)


def expanded(law: int) -> list[float]:
    """The values of the 256 codes of mu-law or A-law, by ITU-T G.711."""
    return [(_mu_law if law == MU_LAW else _a_law)(code) / 2**15 for code in range(256)]


def _mu_law(code: int) -> int:
    code = ~code & 0xFF
    size = (((code & 0x0F) << 3) + 0x84 << ((code & 0x70) >> 4)) - 0x84
    return -size if code & 0x80 else size


def _a_law(code: int) -> int:
    code ^= 0x55
    segment = (code & 0x70) >> 4
    size = ((code & 0x0F) << 4) + (0x108 if segment else 8) << max(segment - 1, 0)
    return size if code & 0x80 else -size


def _data_size(stream: BinaryIO, size: int, length: int) -> int:
    """Bytes of data; to the end of the file where the size was left open."""
    start = stream.tell()
    there = length - start
    if size == 0:
        # None written yet, or an empty recording with another chunk after it.
        after = stream.read(8)
        is_chunk = len(after) == 8 and all(0x20 <= x < 0x7F for x in after[:4])
        if is_chunk and 8 + struct.unpack("<I", after[4:])[0] <= there:
            return 0
        return there
    if size < 0 or (size > there and is_open(size)):
        return there
    if size > there:
        raise ValueError("is cut off before its end")
    return size


def _header(form: bytes, start: int, size: int) -> WavHeader:
    kind, channels, rate, _, block = struct.unpack("<HHIIH", form[:14])
    if kind == EXTENSIBLE and len(form) >= EXTENSIBLE_BYTES:
        (kind,) = struct.unpack("<H", form[24:26])
    if not (channels and rate and block):
        raise ValueError("cannot be decoded: it has no channels or no rate")
    if rate > HIGHEST_RATE:
        raise ValueError(f"says that it has a rate of {rate:,} Hz")
    samples = SAMPLES.get((kind, block // channels)) if block % channels == 0 else None
    if not size // block and samples:
        raise ValueError("holds no samples")
    return WavHeader(samples, channels, rate, start, size // block, block)
