# SPDX-License-Identifier: Apache-2.0
"""What a published encoder folder holds: file names, signatures, checksums.

`cl_keras.export` writes these folders and `cl_keras.zoo` hands them out; what
the two agree on stands here. Standard library only.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any

ENCODER_FILE = "encoder.keras"
MANIFEST_FILE = "manifest.json"
SAVED_MODEL_DIR = "saved_model"

FLOAT_SIGNATURE = "serving_default"
FLOAT_INPUT = "images"
BYTES_SIGNATURE = "image_bytes"
BYTES_INPUT = "image_bytes"
OUTPUT = "embedding"

MANIFEST_FORMAT = 1
_HEX = frozenset("0123456789abcdef")


class ArtifactError(ValueError):
    """A folder does not hold what its manifest or registry row says."""


class UnsafeNameError(ArtifactError):
    """A file name that leaves its folder, or could on some system."""


class ManifestError(ArtifactError):
    """A manifest that is absent, unreadable or edited."""


class MissingFileError(ArtifactError):
    """A listed file is not there."""


class ExtraFileError(ArtifactError):
    """A file is there that nothing lists."""


class TruncatedFileError(ArtifactError):
    """A file is shorter than listed."""


class ChangedFileError(ArtifactError):
    """A file has other bytes than listed."""


def sha256(path: str | os.PathLike[str]) -> str:
    """Hashes a file.

    Args:
        path: File to read.

    Returns:
        The SHA-256 digest as 64 lower-case hexadecimal digits.

    Example:
    >>> sha256(os.devnull)[:12]
    'e3b0c44298fc'
    """
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def safe_name(name: str) -> str:
    """Returns a relative POSIX file name that stays inside its folder.

    Args:
        name: Name such as `"variables/variables.index"`.

    Returns:
        The name, unchanged.

    Raises:
        UnsafeNameError: If the name is empty or absolute, has `.`, `..` or empty
            parts, or holds a backslash, a colon (a drive letter) or a control
            character.

    Example:
    >>> safe_name("variables/variables.index")
    'variables/variables.index'
    """
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
    """Joins a folder and a file name, refusing every way out of the folder.

    Args:
        folder: The folder.
        name: Relative POSIX file name (see `safe_name`).

    Returns:
        The path, which need not exist.

    Raises:
        UnsafeNameError: If the name is unsafe or a symbolic link on the way
            leads out of the folder.

    Example:
    >>> inside("weights", "encoder.keras").name
    'encoder.keras'
    """
    path = Path(folder, *PurePosixPath(safe_name(name)).parts)
    if not path.resolve().is_relative_to(Path(folder).resolve()):
        raise UnsafeNameError(
            f"{name!r} in {os.fspath(folder)} is a symbolic link that leads out of "
            f"the folder, to {path.resolve()}"
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
        """Records a file as it is now.

        Args:
            folder: The folder.
            name: File name relative to it.

        Returns:
            The record.
        """
        path = inside(folder, name)
        return cls(name, path.stat().st_size, sha256(path))

    def verify(self, folder: str | os.PathLike[str]) -> Path:
        """Checks that the file in a folder is the recorded one.

        Args:
            folder: The folder.

        Returns:
            The file's path.

        Raises:
            UnsafeNameError: If a symbolic link leads out of the folder.
            MissingFileError: If there is no such file.
            TruncatedFileError: If the file is shorter than recorded.
            ChangedFileError: If the file is longer or has other bytes.
        """
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
    """Records all files below a folder.

    Args:
        folder: The folder.

    Returns:
        One record a file, sorted by path.

    Raises:
        UnsafeNameError: If a folder below is a symbolic link, or a file is one
            that leads outside.
    """
    return tuple(FileRecord.of(folder, name) for name in sorted(_names(folder)))


def manifest(folder: str | os.PathLike[str], **facts: Any) -> dict[str, Any]:
    """Describes a folder: the given facts, and each file with its SHA-256.

    Args:
        folder: The folder. Its own `manifest.json` is left out.
        **facts: What else to write down, as JSON values.

    Returns:
        The manifest, with `format`, the facts and `files`.

    Raises:
        ValueError: If a fact is named like one of the manifest's own fields.
        UnsafeNameError: If a symbolic link leads out of the folder.

    Example:
    >>> import tempfile
    >>> manifest(tempfile.mkdtemp(), features=64)
    {'format': 1, 'features': 64, 'files': []}
    """
    if taken := {"format", "files", "digest"} & facts.keys():
        raise ValueError(f"These facts name the manifest's own fields: {sorted(taken)}")
    files = [asdict(r) for r in records(folder) if r.path != MANIFEST_FILE]
    return {"format": MANIFEST_FORMAT, **facts, "files": files}


def write_manifest(folder: str | os.PathLike[str], **facts: Any) -> dict[str, Any]:
    """Writes `manifest.json` for the folder as it is now.

    The file closes with a digest of its own content, so that an edited manifest
    is noticed like an edited weight file.

    Args:
        folder: The folder.
        **facts: See `manifest`.

    Returns:
        What `read_manifest` will return.
    """
    content = manifest(folder, **facts)
    # Through JSON once, so that tuples and lists have one digest.
    content = json.loads(_dump(content))
    text = _dump({**content, "digest": _digest(content)})
    Path(folder, MANIFEST_FILE).write_text(text, encoding="utf-8")
    return content


def read_manifest(folder: str | os.PathLike[str]) -> dict[str, Any]:
    """Reads `manifest.json` without looking at the files it lists.

    Args:
        folder: The folder.

    Returns:
        The manifest; each entry of `files` is a valid `FileRecord`.

    Raises:
        ManifestError: If it is absent, unreadable, of a newer format or edited.
        UnsafeNameError: If it lists a name that leaves the folder.
    """
    path = Path(folder, MANIFEST_FILE)
    try:
        text = path.read_text(encoding="utf-8")
        content = json.loads(text)
    except FileNotFoundError as error:
        raise ManifestError(f"{path} is missing.") from error
    except (OSError, ValueError) as error:
        raise ManifestError(f"{path} cannot be read: {error}") from error
    if not isinstance(content, dict) or content.get("format") != MANIFEST_FORMAT:
        found = content.get("format") if isinstance(content, dict) else content
        raise ManifestError(
            f"{path}: expected a manifest of format {MANIFEST_FORMAT}. "
            f"Received: {found!r}"
        )
    try:
        for entry in content["files"]:
            FileRecord(**entry)
    except UnsafeNameError as error:
        raise UnsafeNameError(f"{path}: {error}") from error
    except (KeyError, TypeError, ValueError) as error:
        raise ManifestError(f"{path}: bad `files`: {error}") from error
    if text != _dump(content) or content.pop("digest", None) != _digest(content):
        raise ManifestError(f"{path} was edited: its digest does not match.")
    return content


def problems(folder: str | os.PathLike[str]) -> list[ArtifactError]:
    """Compares a folder with its manifest.

    Args:
        folder: The folder.

    Returns:
        One named error for each thing that is wrong; empty if all is well.
    """
    found: list[ArtifactError] = []
    try:
        files = [FileRecord(**entry) for entry in read_manifest(folder)["files"]]
        present = set(_names(folder)) - {MANIFEST_FILE}
    except ArtifactError as error:
        return [error]
    for record in files:
        try:
            record.verify(folder)
        except ArtifactError as error:
            found.append(error)
    for name in sorted(present - {record.path for record in files}):
        found.append(ExtraFileError(f"{Path(folder, name)} is not in the manifest."))
    return found


def verify(folder: str | os.PathLike[str]) -> dict[str, Any]:
    """Checks a folder against its manifest.

    Args:
        folder: The folder.

    Returns:
        The manifest.

    Raises:
        ArtifactError: The first thing that is wrong, as the subclass that names it:
            `ManifestError`, `MissingFileError`, `ExtraFileError`,
            `TruncatedFileError`, `ChangedFileError` or `UnsafeNameError`.
    """
    for problem in problems(folder):
        raise problem
    return read_manifest(folder)


def _names(folder: str | os.PathLike[str]) -> Iterator[str]:
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


def _dump(content: Mapping[str, Any]) -> str:
    return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _digest(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(_dump(content).encode()).hexdigest()
