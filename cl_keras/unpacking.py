# SPDX-License-Identifier: Apache-2.0
"""Bounds of what is compressed.

Standard library only.
"""

from __future__ import annotations

import gzip
import io
import os
import zipfile

# Data do not become so much larger when they are unpacked: what does is made to fill
# the memory.
_LARGE, _TIMES = 2**28, 100
_BLOCK = 2**24


def check_unpacked(packed: int, size: int) -> None:
    """Refuses what unpacks to far more than data does."""
    if size > max(_LARGE, _TIMES * packed):
        raise ValueError(
            f"it unpacks from {packed:,} bytes to {size:,} or more, as no data does"
        )


def gunzip(content: bytes) -> bytes:
    """Unpacks what gzip has packed, block by block."""
    parts, size = [], 0
    with gzip.GzipFile(fileobj=io.BytesIO(content)) as file:
        while part := file.read(_BLOCK):
            parts.append(part)
            size += len(part)
            check_unpacked(len(content), size)
    return b"".join(parts)


def check_archive(path: str | os.PathLike[str]) -> None:
    """Refuses a ZIP archive of which a member unpacks to far more than data does."""
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            check_unpacked(member.compress_size, member.file_size)
