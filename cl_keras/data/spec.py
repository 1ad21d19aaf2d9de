# SPDX-License-Identifier: Apache-2.0
"""The grammar of data strings: `KIND` or `KIND:PATH`."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from cl_keras import registry
from cl_keras.data.sequences.audio import READABLE as AUDIO_FILES

_IMAGES = ("digits", "folder", "npz")
_GRAPHS = ("edges", "graph", "planetoid", "tu")
_LATER = ("tfds", "tfrecord")


def modality(spec: str) -> str:
    """Tells what a data string names.

    Args:
        spec: As in `load`.

    Returns:
        `"image"`, `"audio"` (a folder whose first readable file is a recording) or
        `"graph"`.

    Raises:
        ValueError: If the string is not understood or names nothing that exists.

    Example:
    >>> modality("digits")
    'image'
    """
    return modality_of(*parse(spec))


def modality_of(kind: str, path: Path) -> str:
    """Tells what a parsed data string names.

    Args:
        kind: As from `parse`.
        path: As from `parse`.

    Returns:
        As `modality`.

    Example:
    >>> modality_of("digits", Path())
    'image'
    """
    if kind in _GRAPHS:
        return "graph"
    if kind == "folder" and _holds_recordings(path):
        return "audio"
    return "image"


def parse(spec: str) -> tuple[str, Path]:
    """Splits a data string into its kind and the path it names.

    Args:
        spec: As in `load`.

    Returns:
        The kind, and the path that exists; for `planetoid` the folder of the files
        with the graph's name below it. `digits` has an empty path.

    Raises:
        ValueError: If the kind is unknown or nothing is found under the path.

    Example:
    >>> parse("digits")
    ('digits', PosixPath('.'))
    """
    kind, colon, rest = spec.partition(":")
    known = (*_IMAGES, *_GRAPHS)
    if kind in _LATER:
        raise ValueError(
            f"Data of kind {kind!r} is not available yet in this version. "
            f"Available: {', '.join(known)}. Received: {spec!r}"
        )
    if kind not in known:
        if Path(spec).expanduser().exists():
            found = "folder" if Path(spec).expanduser().is_dir() else "npz"
            raise ValueError(
                f"Expected a kind of data before the path, such as {found}:{spec}. "
                f"Received: {spec!r}"
            )
        raise registry.unknown("kind of data", kind, [*known, *_LATER])
    if kind == "digits":
        if colon:
            raise ValueError(f"Expected just 'digits'. Received: {spec!r}")
        return kind, Path()
    if not rest:
        raise ValueError(f"Expected a path, as in {kind}:PATH. Received: {spec!r}")
    return kind, _find(kind, Path(rest).expanduser())


# Whether a path is what a kind needs; a named set may also lie in a folder of the
# kind's name, and have a suffix.
_EXISTS: dict[str, Callable[[Path], bool]] = {
    "folder": Path.is_dir,
    "npz": Path.is_file,
    "edges": Path.exists,
    "graph": Path.exists,
    "tu": Path.is_file,
    "planetoid": lambda p: (p.parent / f"ind.{p.name.lower()}.graph").is_file(),
}


def _find(kind: str, path: Path) -> Path:
    places = [path]
    root = os.environ.get("CL_KERAS_DATA")
    if root and not path.is_absolute():
        base = Path(root).expanduser()
        places += [base / path, base / kind / path]
    if kind == "tu":
        places += [place.with_name(place.name + ".txt") for place in places]
    for place in places:
        if _EXISTS[kind](place):
            return place
    wanted = {"folder": "folder", "edges": "table or folder", "graph": "records"}
    hint = "" if root else " CL_KERAS_DATA, which names a folder of data, is not set."
    raise ValueError(
        f"Found no {wanted.get(kind, 'file')} for {kind}:{path}. Looked at: "
        + ", ".join(str(place.absolute()) for place in places)
        + f".{hint}"
    )


def _holds_recordings(path: Path) -> bool:
    for _, folders, files in os.walk(path):
        folders.sort()
        suffixes = {Path(file).suffix.lower() for file in files if file[0] != "."}
        if suffixes:
            return bool(suffixes & AUDIO_FILES)
    return False
