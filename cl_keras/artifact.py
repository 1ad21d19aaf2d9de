# SPDX-License-Identifier: Apache-2.0
"""What a published encoder folder holds: file names, signatures, checksums.

`cl_keras.export` writes these folders and `cl_keras.zoo` hands them out; what
the two agree on stands here. Standard library only.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from cl_keras.file_record import (
    ArtifactError,
    ChangedFileError,
    FileRecord,
    MissingFileError,
    TruncatedFileError,
    UnsafeNameError,
    inside,
    names,
    records,
    safe_name,
    sha256,
)

__all__ = [
    "AUDIO_INPUT",
    "AUDIO_SIGNATURE",
    "GRAPH_INPUT",
    "GRAPH_SIGNATURE",
    "BYTES_INPUT",
    "BYTES_SIGNATURE",
    "ENCODER_CONFIG_FILE",
    "ENCODER_FILE",
    "EXAMPLES_INPUT",
    "EXAMPLES_SIGNATURE",
    "FLOAT_INPUT",
    "FLOAT_SIGNATURE",
    "MANIFEST_FILE",
    "MANIFEST_FORMAT",
    "NEIGHBORS_BYTES_SIGNATURE",
    "NEIGHBORS_SIGNATURE",
    "OUTPUT",
    "SAVED_MODEL_DIR",
    "VALID",
    "ArtifactError",
    "ChangedFileError",
    "ExtraFileError",
    "FileRecord",
    "ManifestError",
    "MissingFileError",
    "TruncatedFileError",
    "UnsafeNameError",
    "inside",
    "manifest",
    "problems",
    "PROJECTOR_FILE",
    "read_manifest",
    "records",
    "safe_name",
    "sha256",
    "verify",
    "write_manifest",
]

ENCODER_FILE = "encoder.keras"
#: Of a zoo entry whose weights are those of its SavedModel.
ENCODER_CONFIG_FILE = "encoder.json"
PROJECTOR_FILE = "projector.keras"
MANIFEST_FILE = "manifest.json"
SAVED_MODEL_DIR = "saved_model"

FLOAT_SIGNATURE = "serving_default"
FLOAT_INPUT = "images"
BYTES_SIGNATURE = "image_bytes"
BYTES_INPUT = "image_bytes"
AUDIO_SIGNATURE = AUDIO_INPUT = "audio_bytes"
GRAPH_SIGNATURE = GRAPH_INPUT = "graph_tensor"
EXAMPLES_SIGNATURE = EXAMPLES_INPUT = "examples"
NEIGHBORS_SIGNATURE = "neighbors"
NEIGHBORS_BYTES_SIGNATURE = "neighbors_bytes"
OUTPUT = "embedding"
#: Which rows could be read; there if `on_error` is `"mask"`.
VALID = "valid"

MANIFEST_FORMAT = 1


class ManifestError(ArtifactError):
    """A manifest that is absent, unreadable or edited."""


class ExtraFileError(ArtifactError):
    """A file is there that nothing lists."""


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
    except RecursionError as error:
        raise ManifestError(f"{path} cannot be read: nested too deeply.") from error
    if not isinstance(content, dict) or content.get("format") != MANIFEST_FORMAT:
        found = content.get("format") if isinstance(content, dict) else content
        raise ManifestError(
            f"{path}: expected a manifest of format {MANIFEST_FORMAT}. "
            f"Received: {found!r}"
        )
    try:
        if not isinstance(content["files"], list):
            raise ValueError(f"expected a list. Received: {content['files']!r}")
        for entry in content["files"]:
            FileRecord(**entry)
    except UnsafeNameError as error:
        raise UnsafeNameError(f"{path}: {error}") from error
    except (KeyError, TypeError, ValueError) as error:
        raise ManifestError(f"{path}: bad `files`: {error}") from error
    try:
        own = text == _dump(content) and content.pop("digest", None) == _digest(content)
    # NaN, infinity, or nested deeper than JSON is written: no export has them.
    except (ValueError, RecursionError):
        own = False
    if not own:
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
        present = set(names(folder)) - {MANIFEST_FILE}
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


def _dump(content: Mapping[str, Any]) -> str:
    return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _digest(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(_dump(content).encode()).hexdigest()
