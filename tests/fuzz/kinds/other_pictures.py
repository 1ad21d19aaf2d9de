# SPDX-License-Identifier: Apache-2.0
"""Image files of the other formats."""

import struct

import numpy as np
from PIL import Image

from fuzz.kind import damaged, patched
from fuzz.kinds.picture_files import (
    BMP,
    GIF,
    LOSSLESS,
    PICTURE,
    PIXELS,
    TIFF,
    WEBP,
    saved,
)


def gifs() -> dict[str, bytes]:
    place = GIF.index(b"\x2c")
    return damaged(GIF) | {
        "65,535 pixels a side": patched(GIF, 6, b"\xff" * 4),
        "no size": patched(GIF, 6, bytes(4)),
        "a frame of 65,535 pixels a side": patched(GIF, place + 5, b"\xff" * 4),
        "a frame of no size": patched(GIF, place + 5, bytes(4)),
        "a frame outside of the picture": patched(GIF, place + 1, b"\xff" * 4),
        "no palette": patched(GIF, 10, b"\0"),
        "codes of 0 bits": patched(GIF, place + 10, b"\0"),
        "codes of 13 bits": patched(GIF, place + 10, b"\x0d"),
        "no frame": GIF[:place] + b"\x3b",
        "no end": GIF[:-1],
        "an extension without end": GIF[:place] + b"\x21\xfe" + b"\x01a" * 2000,
        "100,000 empty extensions": (
            GIF[:place] + b"\x21\xfe\0" * 100_000 + GIF[place:]
        ),
        "version 90b": patched(GIF, 3, b"90b"),
    }


def bmps() -> dict[str, bytes]:
    def with_field(place: int, value: int, form: str = "<i") -> bytes:
        return patched(BMP, place, struct.pack(form, value))

    return damaged(BMP) | {
        "2 billion pixels wide": with_field(18, 2**31 - 1),
        "2 billion pixels high": with_field(22, 2**31 - 1),
        "the lowest height that there is": with_field(22, -(2**31)),
        "from the top down": with_field(22, -12),
        "a negative width": with_field(18, -10),
        "no width": with_field(18, 0),
        "16 bits a pixel": with_field(28, 16, "<H"),
        "0 bits a pixel": with_field(28, 0, "<H"),
        "compressed by runs": with_field(30, 1),
        "a PNG inside": with_field(30, 5),
        "pixels before the file": with_field(10, -1),
        "pixels within the header": with_field(10, 2),
        "pixels beyond the file": with_field(10, 10_000),
        "a header of 12 bytes": with_field(14, 12),
        "a header of 4 billion bytes": with_field(14, -1),
        "a palette of no colours": saved("BMP", PICTURE.convert("P"))[:54]
        + bytes(12 * 12),
    }


def webps() -> dict[str, bytes]:
    moving = saved("WEBP", save_all=True, append_images=[PICTURE.rotate(90)])
    canvas = moving.index(b"VP8X") + 12
    return (
        damaged(WEBP)
        | {
            f"lossless, {name}": content
            for name, content in list(damaged(LOSSLESS).items())[3:8]
        }
        | {
            "moving": moving,
            "moving, cut in half": moving[: len(moving) // 2],
            "a canvas of 16 million pixels a side": patched(
                moving, canvas, b"\xff" * 6
            ),
            "a RIFF of 4 billion bytes": patched(WEBP, 4, b"\xff" * 4),
            "a RIFF of no bytes": patched(WEBP, 4, bytes(4)),
            "a chunk of 4 billion bytes": patched(WEBP, 16, b"\xff" * 4),
            "a chunk of an unknown name": patched(WEBP, 12, b"VP8?"),
            "16,383 pixels a side": patched(WEBP, 26, b"\xff\x3f\xff\x3f"),
            "lossless, 16,384 pixels a side": patched(
                LOSSLESS, 21, b"\xff\xff\xff\x0f"
            ),
            "a WAV under this name": WEBP.replace(b"WEBPVP8 ", b"WAVEfmt "),
        }
    )


def tiff(tags: dict[int, tuple[int, int]], *, next_at: int = 0, count=None) -> bytes:
    entries = b"".join(
        struct.pack("<HHII", tag, 4, 1, value)
        if kind == 4
        else struct.pack("<HHIHH", tag, 3, 1, value, 0)
        for tag, (kind, value) in sorted(tags.items())
    )
    count = len(tags) if count is None else count
    head = b"II*\0" + struct.pack("<IH", 8, count)
    return head + entries + struct.pack("<I", next_at) + PIXELS.tobytes()


TAGS = {256: (4, 10), 257: (4, 12), 258: (3, 8), 259: (3, 1), 262: (3, 1)}


TAGS |= {273: (4, 8), 277: (3, 1), 278: (4, 12), 279: (4, 120)}


def tiffs() -> dict[str, bytes]:
    return damaged(TIFF) | {
        "2 billion pixels a side": tiff(TAGS | {256: (4, 2**31), 257: (4, 2**31)}),
        "no size": tiff(TAGS | {256: (4, 0)}),
        "pictures in a circle": tiff(TAGS, next_at=8),
        "65,535 tags": tiff(TAGS, count=65535),
        "pixels beyond the file": tiff(TAGS | {273: (4, 2**31)}),
        "4 billion bytes of pixels": tiff(TAGS | {279: (4, 2**32 - 1)}),
        "an unknown compression": tiff(TAGS | {259: (3, 31)}),
        "200 bits a channel": tiff(TAGS | {258: (3, 200)}),
        "floats": saved("TIFF", Image.fromarray(np.full((9, 9), np.nan, np.float32))),
        "a camera's raw file": tiff(TAGS | {50706: (4, 1)}),
    }


def boxed(content: bytes, brand: bytes) -> dict[str, bytes]:
    size = content.index(b"ispe") + 8
    items = content.index(b"iloc")
    return damaged(content) | {
        "2 billion pixels a side": patched(content, size, b"\x7f\xff\xff\xff" * 2),
        "8,192 x 8,193 pixels": patched(content, size, struct.pack(">II", 8192, 8193)),
        "no size": patched(content, size, bytes(8)),
        "pixels beyond the file": patched(content, items + 16, b"\xff" * 8),
        "a box of 4 billion bytes": patched(content, items - 4, b"\xff" * 4),
        "a box of no bytes": patched(content, items - 4, bytes(4)),
        "its name and nothing else": b"\0\0\0\x14ftyp" + brand + bytes(4) + brand,
        "the other kind's name": content.replace(
            brand, b"heic" if brand == b"avif" else b"avif"
        ),
    }
