# SPDX-License-Identifier: Apache-2.0
"""TIFF, HEIC and AVIF, which TensorFlow does not decode, as files that it does.

Training and clients of a server turn such files into PNG or BMP here, without loss, and
go on with the one rule for decoding (`preprocessing.decoding`): so both get the same
pixels. Standard library and Pillow only, for hosts without TensorFlow.
"""

from __future__ import annotations

import importlib.util
import io
from typing import Any

from cl_keras import extras

#: Largest image, in training and in serving: 8,192 x 8,192, 200 MB while it is decoded.
MAX_PIXELS = 2**26
#: Kinds of such files by suffix.
SUFFIXES = {
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".heic": "HEIC",
    ".heif": "HEIC",
    ".hif": "HEIC",
    ".avif": "AVIF",
}
# Bytes that tell a kind.
HEAD = 256
_MODULES = {"TIFF": "PIL.Image", "AVIF": "PIL.Image", "HEIC": "pillow_heif"}
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_CANON_RAW = b"CR"
_AVIF_BRANDS = {b"avif", b"avis"}
_HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}
_SUBFILE, _DNG_VERSION, _REDUCED = 254, 50706, 1
_DEEP = ("I", "I;16", "I;16L", "I;16B", "I;16N")


def kind_of(head: bytes) -> str | None:
    """Tells by its first bytes whether a file is a TIFF, HEIC or AVIF."""
    if head.startswith(_TIFF):
        return None if head[8:10] == _CANON_RAW else "TIFF"
    if head[4:8] != b"ftyp":
        return None
    size = min(int.from_bytes(head[:4], "big"), HEAD)
    brands = {head[at : at + 4] for at in (8, *range(16, size, 4))}
    if brands & _AVIF_BRANDS:
        return "AVIF"
    return "HEIC" if brands & _HEIC_BRANDS else None


def missing(kind: str) -> str:
    """Says what a kind of files lacks to be read; empty where nothing."""
    for module in ("PIL", _MODULES[kind].partition(".")[0]):
        if importlib.util.find_spec(module) is None:
            return 'needs: pip install "cl-keras[photos]"'
    return ""


def served(content: bytes, *, compress: bool = True) -> bytes:
    """Makes what a served encoder reads of a TIFF, HEIC or AVIF file.

    The image is turned upright, palettes and other colours become RGB, transparency is
    dropped; grey levels of 16 bits stay. Of several images the first, or the main one,
    is taken. Other files stay as they are, so any image file can be given.

    Args:
        content: The file's bytes.
        compress: Whether to write a PNG, small enough to be sent; else a BMP, which is
            made at once.

    Returns:
        A PNG or BMP of the same pixels, or `content` itself.

    Raises:
        ValueError: If the file is one of these and cannot be decoded, or is larger
            than `MAX_PIXELS`.
        ImportError: If it needs an extra that is not installed.

    Example:
    >>> served(b"any other file")
    b'any other file'
    """
    kind = kind_of(content[:HEAD])
    if kind is None:
        return content
    module = _module(kind)
    try:
        image = _decoded(module, kind, content)
        stream = io.BytesIO()
        if image.mode == "I;16" or compress:
            image.save(stream, "PNG", compress_level=1)
        else:
            image.save(stream, "BMP")
    # Whatever a decoder raises for bytes that are wrong: each has errors of its own.
    except Exception as error:
        # Pillow names the object in memory that it reads.
        said = str(error).partition(" <_io.")[0] or type(error).__name__
        raise ValueError(f"{kind} that cannot be decoded: {said}") from error
    return stream.getvalue()


def _module(kind: str) -> Any:
    if kind == "HEIC":
        return extras.require("pillow_heif", extra="photos")
    return extras.require("PIL.Image", extra="photos")


def _decoded(module: Any, kind: str, content: bytes) -> Any:
    """An upright image of 8 bits and three channels, or of 16 and one."""
    stream = io.BytesIO(content)
    if kind == "HEIC":
        # It is turned by the decoder: Exif is not what says so in these files.
        file = module.open_heif(stream)
        _check_size(file.size)
        image = file.to_pillow()
    else:
        image = module.open(stream, formats=[kind])
        _check_size(image.size)
        if kind == "TIFF":
            _check_photo(image)
        image = extras.require("PIL.ImageOps", extra="photos").exif_transpose(image)
    if image.mode in _DEEP:
        levels = image.convert("I")
        low, high = levels.getextrema()
        if low < 0 or high >= 2**16:
            raise ValueError(f"its levels are {low} to {high}, not of 16 bits")
        return levels.convert("I;16")
    if image.mode == "F":
        raise ValueError("its levels are floating-point numbers")
    return image.convert("RGB")


def _check_size(size: tuple[int, int]) -> None:
    if size[0] * size[1] > MAX_PIXELS:
        raise ValueError(f"{size[1]} x {size[0]} pixels are too many")


def _check_photo(image: Any) -> None:
    """Refuses raw files of cameras: as TIFFs they are small previews."""
    tags = image.tag_v2
    if _DNG_VERSION in tags or int(tags.get(_SUBFILE, 0)) & _REDUCED:
        raise ValueError("a camera's raw file, of which it is a preview")
