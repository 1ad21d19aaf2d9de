# SPDX-License-Identifier: Apache-2.0
"""PNG and JPEG files."""

import struct
import zlib

from fuzz.kind import damaged, patched
from fuzz.kinds.picture_files import GIF, JPEG, PNG, chunk, exif, marked, png, saved


def pngs() -> dict[str, bytes]:
    bomb = zlib.compress(bytes(2**26), 9)
    return damaged(PNG) | {
        "65,535 pixels a side": png(65535, 65535),
        "2 billion pixels a side": png(2**31 - 1, 2**31 - 1),
        "a width with the highest bit": png(2**31, 1),
        "no width": png(0, 12),
        "no height": png(10, 0),
        "three bits a channel": png(depth=3),
        "a colour type that is none": png(colour=5),
        "interlaced by an unknown method": png(interlace=7),
        "rows of pixels missing": png(rows=b"\0" * 40),
        "more pixels than rows": png(rows=bytes(2**22)),
        "an unknown filter": png(rows=b"\x09" * 31 * 12),
        "a palette picture without palette": png(colour=3, rows=b"\0" * 11 * 12),
        "a palette of no colours": png(
            colour=3, rows=b"\0" * 11 * 12, more=[chunk(b"PLTE", b"")]
        ),
        "colours beyond the palette": png(
            colour=3, rows=b"\xff" * 11 * 12, more=[chunk(b"PLTE", b"\1\2\3")]
        ),
        "an unknown chunk that is needed": png(more=[chunk(b"NEED", b"x")]),
        "a wrong checksum": png(more=[chunk(b"PLTE", b"\1\2\3", crc=1)]),
        "text that unpacks to 64 MB": png(more=[chunk(b"zTXt", b"a\0\0" + bomb)]),
        "a profile that unpacks to 64 MB": png(more=[chunk(b"iCCP", b"a\0\0" + bomb)]),
        "a chunk longer than the file": PNG.replace(
            b"\0\0\0\x0dIHDR", b"\x7f\xff\xff\xffIHDR"
        ),
        "no pixels at all": PNG[:33] + chunk(b"IEND", b""),
        "pixels unpack to 64 MB": PNG[:33] + chunk(b"IDAT", bomb) + chunk(b"IEND", b""),
        "the header alone": PNG[:33],
        "two headers": PNG[:33] + PNG[8:],
        "a JPEG under this name": JPEG,
        "a ZIP archive under this name": b"PK\5\6" + bytes(18),
        "a picture, and another after it": PNG + PNG,
        "Exif of an orientation of 9": png(more=[chunk(b"eXIf", exif(9))]),
    }


def jpegs() -> dict[str, bytes]:
    frame = JPEG.index(b"\xff\xc0") + 5  # Height and width.
    tables, codes = JPEG.index(b"\xff\xdb"), JPEG.index(b"\xff\xc4")
    progressive = saved("JPEG", progressive=True)
    scan = progressive.rindex(b"\xff\xda")
    turned = {
        f"Exif of an orientation of {n}": marked(JPEG, 0xE1, b"Exif\0\0" + exif(n))
        for n in (0, 9, 65535)
    }
    return (
        damaged(JPEG)
        | turned
        | {
            "65,535 pixels a side": patched(JPEG, frame, b"\xff" * 4),
            "8,192 x 8,193 pixels": patched(
                JPEG, frame, struct.pack(">HH", 8192, 8193)
            ),
            "no height": patched(JPEG, frame, b"\0\0"),
            "no width": patched(JPEG, frame + 2, b"\0\0"),
            "12 bits a channel": patched(JPEG, frame - 1, b"\x0c"),
            "no channels": patched(JPEG, frame + 4, b"\0"),
            "255 channels": patched(JPEG, frame + 4, b"\xff"),
            "sampling of 15": patched(JPEG, frame + 6, b"\xff"),
            "lossless": JPEG.replace(b"\xff\xc0", b"\xff\xc3"),
            "arithmetic coding": JPEG.replace(b"\xff\xc0", b"\xff\xc9"),
            "two frames": JPEG[: frame - 5]
            + JPEG[frame - 5 : codes] * 2
            + JPEG[codes:],
            "no quantisation tables": JPEG.replace(b"\xff\xdb", b"\xff\xfe"),
            "no codes": JPEG.replace(b"\xff\xc4", b"\xff\xfe"),
            "a segment of length 0": marked(JPEG, 0xFE, b"", 0),
            "a segment of length 1": marked(JPEG, 0xFE, b"", 1),
            "a segment longer than the file": marked(JPEG, 0xFE, b"x", 65535),
            "the tables end too early": JPEG[:tables]
            + b"\xff\xdb\0\x04\0\1"
            + JPEG[codes:],
            "5,000 empty segments": JPEG[:2] + b"\xff\xfe\0\x02" * 5000 + JPEG[2:],
            "2,000 scans": progressive[:scan]
            + progressive[scan:-2] * 2000
            + b"\xff\xd9",
            "Exif that leads to itself": marked(
                JPEG, 0xE1, b"Exif\0\0" + exif(6, next_at=8)
            ),
            "Exif of 4 billion values": marked(
                JPEG, 0xE1, b"Exif\0\0" + exif(6, count=2**32 - 1)
            ),
            "Exif that begins beyond its end": marked(
                JPEG, 0xE1, b"Exif\0\0II*\0\xff\xff\xff\xff"
            ),
            "two JPEGs in one file": JPEG + JPEG,
            "bytes before it": b"\0\0" + JPEG,
            "a GIF under this name": GIF,
        }
    )
