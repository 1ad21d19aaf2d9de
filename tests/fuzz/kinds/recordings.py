# SPDX-License-Identifier: Apache-2.0
"""Recordings: WAV files as programs write them, and others."""

import io
import struct
from pathlib import Path

import numpy as np
import soundfile

from cl_keras import data
from fuzz.kind import Kind, damaged, files, patched

RNG = np.random.default_rng(0)
RATE = 16_000
PCM = RNG.integers(-(2**15), 2**15, 400).astype("<i2")
RAW = PCM.tobytes()


def chunk(name, content, size=None):
    size = len(content) if size is None else size
    return name + struct.pack("<I", size) + content + bytes(len(content) % 2)


def head(kind=1, channels=1, rate=RATE, width=2, extra=b""):
    block = channels * width
    fields = (kind, channels, rate, rate * block % 2**32, block % 2**16, 8 * width)
    return chunk(b"fmt ", struct.pack("<HHIIHH", *fields) + extra)


def riff(*chunks, size=None, name=b"RIFF"):
    body = b"WAVE" + b"".join(chunks)
    return name + struct.pack("<I", len(body) if size is None else size) + body


def stream(size, riff_size, more=b""):
    """As a program leaves it that cannot come back to the header."""
    return riff(head(), chunk(b"data", RAW, size) + more, size=riff_size)


def ds64(data_size):
    return chunk(b"ds64", struct.pack("<QQQI", 0, data_size, 0, 0))


def rf64(data_size, name=b"RF64"):
    body = (ds64(data_size), head(), chunk(b"data", RAW, 0xFFFFFFFF))
    return riff(*body, size=0xFFFFFFFF, name=name)


def extensible(kind=1, width=2):
    guid = struct.pack("<H", kind) + bytes.fromhex("000000001000800000aa00389b71")
    return head(0xFFFE, width=width, extra=struct.pack("<HHI", 22, 16, 4) + guid)


def written(subtype, form="WAV", channels=1, rate=RATE):
    buffer = io.BytesIO()
    samples = np.clip(RNG.normal(0, 0.3, (400, channels)), -1, 1)
    soundfile.write(buffer, samples, rate, subtype=subtype, format=form)
    return buffer.getvalue()


LIST = chunk(b"LIST", b"INFOISFT\x05\0\0\0abcde\0")
#: Files that are read whole, one waveform.
GOOD = {
    "plain": riff(head(), chunk(b"data", RAW)),
    "ffmpeg to a pipe": stream(0xFFFFFFFF, 0xFFFFFFFF),
    "sox to a pipe": stream(0x7FFFF000, 0x7FFFF024),
    "arecord to a pipe": stream(0x80000000, 0x80000024),
    "largest int": stream(0x7FFFFFFF, 0x7FFFFFFF),
    "largest int less the header": stream(0x7FFFFFFF - 36, 0x7FFFFFFF),
    "largest unsigned less the header": stream(0xFFFFFFFF - 36, 0xFFFFFFFF),
    "sizes of 0": stream(0, 0),
    "data of 0 in a RIFF of 36": stream(0, 36),
    "data of 0 in a RIFF of 8": stream(0, 8),
    "data of 0 in a right RIFF": stream(0, 36 + len(RAW)),
    "a wrong RIFF size": riff(head(), chunk(b"data", RAW), size=12),
    "RF64": rf64(len(RAW)),
    "RF64 to a pipe": rf64(0),
    "RF64 of no known size": rf64(2**64 - 1),
    "RF64 without sizes": riff(head(), chunk(b"data", RAW, 2**32 - 1), name=b"RF64"),
    "BW64": rf64(len(RAW), b"BW64"),
    "RF64 with a plain size": riff(ds64(0), head(), chunk(b"data", RAW), name=b"RF64"),
    "LIST before the format": riff(LIST, head(), chunk(b"data", RAW)),
    "broadcast WAV": riff(
        chunk(b"bext", bytes(602)),
        head(),
        chunk(b"fact", bytes(4)),
        chunk(b"data", RAW),
    ),
    "chunks of odd size": riff(
        chunk(b"id3 ", b"odd"), head(), chunk(b"data", RAW), chunk(b"cue ", b"odd")
    ),
    "chunks after the data": riff(head(), chunk(b"data", RAW), LIST, b"junk"),
    "half a sample more": riff(head(), chunk(b"data", RAW + b"\1")),
    "a format of 18 bytes": riff(head(extra=bytes(2)), chunk(b"data", RAW)),
    "extensible": riff(extensible(), chunk(b"data", RAW)),
}
#: Files that neither training nor serving reads.
BAD = {
    "nothing": b"",
    "noise": b"\0noise" * 30,
    "cut off": GOOD["plain"][:-100],
    "cut off, RF64": rf64(len(RAW) + 100),
    "a cut header": GOOD["plain"][:30],
    "no data": riff(head()),
    "no samples": riff(head(), chunk(b"data", b"")),
    "no samples, other chunks": riff(head(), chunk(b"data", b""), LIST),
    "less than a sample": riff(head(), chunk(b"data", b"\1")),
    "format after the data": riff(chunk(b"data", RAW), head()),
    "a format of 4 bytes": riff(chunk(b"fmt ", bytes(4)), chunk(b"data", RAW)),
    "no channels": riff(head(channels=0), chunk(b"data", RAW)),
    "no rate": riff(head(rate=0), chunk(b"data", RAW)),
    "half floats": riff(head(kind=3), chunk(b"data", RAW)),
    "NaN": riff(head(3, width=4), chunk(b"data", np.float32([0, np.nan]).tobytes())),
    "infinity": riff(head(3, width=8), chunk(b"data", np.float64([np.inf]).tobytes())),
}


def wavs() -> dict[str, bytes]:
    samples = chunk(b"data", RAW)
    return (
        GOOD
        | BAD
        | {
            "4 GHz": riff(head(rate=2**32 - 1), samples),
            "1 Hz": riff(head(rate=1), samples),
            "65,535 channels": riff(head(channels=65535), samples),
            "a format of 4 billion bytes": riff(
                chunk(b"fmt ", head()[8:], 2**32 - 1), samples
            ),
            "a chunk that leads to itself": riff(
                chunk(b"LIST", b"", 2**32 - 8), samples
            ),
            "2,000 empty chunks": riff(*[chunk(b"JUNK", b"")] * 2000, head(), samples),
            "two formats": riff(head(), head(rate=8000), samples),
            "two parts of data": riff(head(), samples, samples),
            "ADPCM of blocks of no bytes": riff(head(kind=2, width=0), samples),
            "a format that nobody has": riff(head(kind=0x1234), samples),
            "floats beyond 1": riff(
                head(3, width=4), chunk(b"data", np.float32([1e38, -1e38]).tobytes())
            ),
            "an MP3 under this name": written("MPEG_LAYER_III", "MP3"),
            "a FLAC under this name": written("PCM_16", "FLAC"),
            "a picture under this name": b"\x89PNG\r\n\x1a\n" + bytes(100),
            "AIFF, which is the other way round": written("PCM_16", "AIFF"),
        }
    )


def flacs() -> dict[str, bytes]:
    flac = written("PCM_16", "FLAC")
    return damaged(flac) | {
        "36 billion samples": patched(flac, 21, b"\xff" * 5),
        "no rate": patched(flac, 18, bytes(2)),
        "a block of 16 MB that is not there": patched(flac, 5, b"\xff" * 3),
    }


def oggs() -> dict[str, bytes]:
    ogg = written("VORBIS", "OGG")
    return damaged(ogg) | {
        "a page that says it is the last": patched(ogg, 5, b"\x06"),
        "no channels": patched(ogg, 39, b"\0"),
        "255 channels": patched(ogg, 39, b"\xff"),
    }


def read(place: Path) -> str:
    found = data.load_audio(place, sample_rate=RATE)
    if not all(np.isfinite(x).all() for x in found.sequences):
        raise ArithmeticError("samples that are not finite")
    return f"recordings of {', '.join(str(len(x)) for x in found.sequences)} samples"


def beside(place: Path) -> None:
    (place / "good.wav").write_bytes(GOOD["plain"])


def kinds() -> list[Kind]:
    return [
        *files("WAV", "a.wav", wavs(), read, beside=beside),
        *files("FLAC", "a.flac", flacs(), read, beside=beside),
        *files("OGG", "a.ogg", oggs(), read, beside=beside),
    ]
