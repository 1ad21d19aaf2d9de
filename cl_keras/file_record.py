# SPDX-License-Identifier: Apache-2.0
"""A published file: a name that stays in its folder, a size and a SHA-256.

Standard library only.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

_HEX = frozenset("0123456789abcdef")


class ArtifactError(ValueError):
    """A folder does not hold what its manifest or registry row says."""


class UnsafeNameError(ArtifactError):
    """A file name that leaves its folder, or could on some system."""


class MissingFileError(ArtifactError):
    """A listed file is not there."""


class TruncatedFileError(ArtifactError):
    """A file is shorter than listed."""


class ChangedFileError(ArtifactError):
    """A file has other bytes than listed."""


def sha256(path: str | os.PathLike[str]) -> str:
    """Hashes a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def safe_name(name: str) -> str:
    """Returns a relative POSIX file name that stays inside its folder."""
    if (
        not isinstance(name, str)
        or any(part in ("", ".", "..") for part in name.split("/"))
        or any(c in "\\:" or ord(c) < 32 or ord(c) == 127 for c in name)
    ):
        raise UnsafeNameError(
            "Expected a relative POSIX file name without '.', '..', backslash or "
            f"colon. Received: {name!r}"
        )
    return name


def inside(folder: str | os.PathLike[str], name: str) -> Path:
    """Joins a folder and a file name, refusing every way out of the folder."""
    path = Path(folder, *PurePosixPath(safe_name(name)).parts)
    try:
        target = path.resolve()
    except RuntimeError as error:  # Of links that lead to each other.
        raise UnsafeNameError(
            f"{path} is a symbolic link that leads nowhere"
        ) from error
    if not target.is_relative_to(Path(folder).resolve()):
        raise UnsafeNameError(
            f"{name!r} in {os.fspath(folder)} is a symbolic link that leads out of "
            f"the folder, to {target}"
        )
    return path


@dataclass(frozen=True)
class FileRecord:
    """One published file.

    Args:
        path: File name relative to its folder, POSIX style.
        size: Length in bytes.
        sha256: SHA-256 digest, 64 lower-case hexadecimal digits.

    Example:
    >>> FileRecord("encoder.keras", 0, "0" * 64).path
    'encoder.keras'
    """

    path: str
    size: int
    sha256: str

    def __post_init__(self) -> None:
        safe_name(self.path)
        if type(self.size) is not int or self.size < 0:
            raise ValueError(
                f"Expected a size of {self.path!r} in bytes. "
                f"Received: size={self.size!r}"
            )
        if (
            not isinstance(self.sha256, str)
            or len(self.sha256) != 64
            or not _HEX.issuperset(self.sha256)
        ):
            raise ValueError(
                f"Expected a SHA-256 of {self.path!r}: 64 lower-case hexadecimal "
                f"digits. Received: sha256={self.sha256!r}"
            )

    @classmethod
    def of(cls, folder: str | os.PathLike[str], name: str) -> FileRecord:
        """Records a file as it is now."""
        path = inside(folder, name)
        return cls(name, path.stat().st_size, sha256(path))

    def verify(self, folder: str | os.PathLike[str]) -> Path:
        """Checks that the file in a folder is the recorded one."""
        path = inside(folder, self.path)
        if not path.is_file():
            raise MissingFileError(f"{path} is missing.")
        size = path.stat().st_size
        if size < self.size:
            raise TruncatedFileError(
                f"{path} is truncated: expected {self.size} bytes. "
                f"Received: {size} bytes"
            )
        digest = sha256(path)
        if size != self.size or digest != self.sha256:
            raise ChangedFileError(
                f"{path} was changed: expected {self.size} bytes with SHA-256 "
                f"{self.sha256}. Received: {size} bytes with {digest}"
            )
        return path


def records(folder: str | os.PathLike[str]) -> tuple[FileRecord, ...]:
    """Records all files below a folder."""
    return tuple(FileRecord.of(folder, name) for name in sorted(names(folder)))


def names(folder: str | os.PathLike[str]) -> Iterator[str]:
    """Lists all files below a folder."""
    for place, folders, files in os.walk(folder):
        relative = Path(place).relative_to(folder)
        for name in folders:
            # os.walk does not enter linked folders, so their files would go unseen.
            if Path(place, name).is_symlink():
                raise UnsafeNameError(f"{Path(place, name)} is a linked folder.")
        for name in files:
            posix = (relative / name).as_posix()
            inside(folder, posix)
            yield posix
