# SPDX-License-Identifier: Apache-2.0
"""Which files are images and recordings: by suffix, and else by their first bytes."""

from __future__ import annotations

import os
from collections.abc import Iterable

from cl_keras.preprocessing import photos

#: Suffixes of files that can be read, by modality.
READABLE = {
    "image": frozenset(
        ".jpg .jpeg .jpe .jfif .jif .pjpeg .pjp .mpo .png .apng .gif .bmp .dib "
        ".webp".split()
    ),
    # What libsndfile decodes.
    "audio": frozenset(
        ".wav .wave .rf64 .w64 .flac .ogg .oga .opus .mp3 .aif .aiff .aifc .au .snd "
        ".caf".split()
    ),
}
# Suffixes of files of the same modality that cannot.
_UNREADABLE = {
    "image": frozenset(
        ".jp2 .j2k .jpx .jxl .jxr .ppm .pgm .pbm "
        ".pnm .svg .psd .xcf .ico .tga .exr .hdr .eps .dcm .raw .dng .cr2 .cr3 .crw "
        ".nef .nrw .arw .srf .sr2 .orf .rw2 .raf .pef .srw .3fr .iiq".split()
    ),
    "audio": frozenset(".m4a .m4b .aac .wma .sph .amr .ape .ac3 .mka .wv".split()),
}
_ADVICE = {"image": "convert it to PNG or JPEG", "audio": "convert it to WAV or FLAC"}
# Suffixes of files that are neither, so that they need not be opened.
_NEITHER = frozenset(
    ".txt .md .rst .csv .tsv .json .jsonl .xml .yaml .yml .toml .ini .cfg .html .htm "
    ".log .pdf .doc .docx .xls .xlsx .py .ipynb .m .mat .npy .npz .h5 .hdf5 .pkl .pt "
    ".pth .db .zip .tar .gz .tgz .7z .rar .lab .trans .textgrid .phn .wrd .srt .mid "
    ".tfrecord .parquet .mp4 .mov .avi .mkv .webm .mpg .keras".split()
)
# First bytes, and from where on.
_MAGIC: tuple[tuple[int, bytes, str, bool], ...] = (
    (0, b"\xff\xd8\xff", "image", True),
    (0, b"\x89PNG\r\n\x1a\n", "image", True),
    (0, b"GIF8", "image", True),
    (8, b"WEBP", "image", True),
    (8, b"WAVE", "audio", True),
    (0, b"fLaC", "audio", True),
    (0, b"OggS", "audio", True),
    (0, b"\0\0\0\x0cJXL ", "image", False),
    (0, b"\0\0\0\x0cjP  ", "image", False),
    (0, b"8BPS", "image", False),
    (0, b"ID3", "audio", True),
    (4, b"ftypM4A", "audio", False),
)


def sorted_suffixes(modality: str) -> str:
    """Names the suffixes that can be read, for messages."""
    by_pillow = photos.SUFFIXES if modality == "image" else ()
    return ", ".join(sorted({*READABLE[modality], *by_pillow}))


def kind_of(file: str, *, look: bool = True) -> tuple[str, bool] | None:
    """Tells what kind of file a file is.

    A suffix that can be read is believed: the decoder looks at the bytes, whatever
    the suffix. Of other files the first bytes decide, and the suffix where they tell
    nothing.
    """
    suffix = os.path.splitext(file)[1].lower()
    for modality, readable in READABLE.items():
        if suffix in readable:
            return modality, True
    if suffix in _NEITHER:
        return None
    by_pillow = photos.SUFFIXES.get(suffix)
    if by_pillow and not photos.missing(by_pillow):
        return "image", True
    if look and (found := _of_bytes(file)) is not None:
        return found
    for modality, unreadable in _UNREADABLE.items():
        if suffix in unreadable:
            return modality, False
    return ("image", False) if by_pillow else None


def why_unreadable(file: str, modality: str) -> str:
    """Says why a file of a modality is left out, and what to do."""
    suffix = os.path.splitext(file)[1].lower()
    kind = photos.SUFFIXES.get(suffix)
    if modality == "image" and suffix not in _UNREADABLE[modality] and not kind:
        kind = photos.kind_of(_head(file))
    if kind and (needs := photos.missing(kind)):
        return f"{suffix or kind} {needs}"
    return f"{suffix or 'this kind of file'} is not supported; {_ADVICE[modality]}"


def text_of(path: str) -> str:
    r"""Writes a path as text that can be printed and stored."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def paths_of(files: Iterable[str]) -> list[bytes]:
    """Writes paths as TensorFlow takes them, whatever their bytes."""
    return [os.fsencode(file) for file in files]


def _of_bytes(file: str) -> tuple[str, bool] | None:
    head = _head(file)
    for start, magic, modality, readable in _MAGIC:
        if head[start : start + len(magic)] == magic:
            return modality, readable
    if kind := photos.kind_of(head):
        # Raw files of cameras begin as a TIFF does.
        raw = os.path.splitext(file)[1].lower() in _UNREADABLE["image"]
        return "image", not raw and not photos.missing(kind)
    return ("image", False) if head.startswith(b"II*\0") else None


def _head(file: str) -> bytes:
    try:
        with open(file, "rb") as stream:
            return stream.read(photos.HEAD)
    except OSError:
        return b""  # Whoever reads it says why.
