# SPDX-License-Identifier: Apache-2.0
"""Good image files, and what makes others."""

import io
import struct
import zlib

import numpy as np
from PIL import Image

PIXELS = np.random.default_rng(0).integers(0, 256, (12, 10, 3), np.uint8)


PICTURE = Image.fromarray(PIXELS)


def saved(form: str, image: Image.Image = PICTURE, **options: object) -> bytes:
    if form == "HEIF":
        import pillow_heif

        pillow_heif.register_heif_opener()
    stream = io.BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


JPEG, GIF, BMP = saved("JPEG"), saved("GIF"), saved("BMP")


WEBP, TIFF = saved("WEBP"), saved("TIFF")


LOSSLESS = saved("WEBP", lossless=True)


AVIF, HEIC = saved("AVIF"), saved("HEIF")


def chunk(name: bytes, content: bytes, crc: int | None = None) -> bytes:
    crc = zlib.crc32(name + content) if crc is None else crc
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", crc)


def png(width=10, height=12, depth=8, colour=2, interlace=0, *, rows=None, more=()):
    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlace)
    rows = b"".join(b"\0" + row.tobytes() for row in PIXELS) if rows is None else rows
    parts = [chunk(b"IHDR", head), *more, chunk(b"IDAT", zlib.compress(rows))]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts) + chunk(b"IEND", b"")


PNG = png()


def exif(orientation: int, *, next_at: int = 0, count: int = 1) -> bytes:
    entry = struct.pack("<HHIHH", 0x112, 3, count, orientation, 0)
    return b"II*\0\x08\0\0\0\x01\0" + entry + struct.pack("<I", next_at)


def marked(content: bytes, marker: int, body: bytes, size: int | None = None) -> bytes:
    """A JPEG with another segment at its beginning."""
    size = len(body) + 2 if size is None else size
    return (
        content[:2]
        + bytes([0xFF, marker])
        + struct.pack(">H", size)
        + body
        + content[2:]
    )
