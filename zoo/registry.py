# SPDX-License-Identifier: Apache-2.0
"""Where rows are found: the packaged registry and the user's own.

A registry is a directory:

    rows/<name>.json    the row
    cards/<name>.md     its card
    files/<name>/       its files, if the row's source is "packaged"
"""

from __future__ import annotations

import fnmatch
import os
from pathlib import Path

from cl_keras.registry import unknown
from cl_keras.zoo.row import MODALITIES, Row

#: Environment variable: more registry directories, separated like PATH.
VARIABLE = "CL_KERAS_ZOO"
ROWS, CARDS, FILES = "rows", "cards", "files"

_PACKAGED = Path(__file__).resolve().parent


def names(
    pattern: str = "*",
    *,
    modality: str | None = None,
    method: str | None = None,
    bytes_input: bool | None = None,
    features: int | None = None,
    registry: str | os.PathLike[str] | None = None,
) -> list[str]:
    """Lists the names of published encoders.

    Args:
        pattern: Shell pattern, such as `"simclr*"`.
        modality: Keep only rows of this modality: `"image"`, `"audio"`,
            `"sequence"` or `"graph"`.
        method: Keep only encoders that this method trained.
        bytes_input: Keep only those whose SavedModel takes encoded images or
            recordings, or, if False, the others.
        features: Keep only those that give so many numbers.
        registry: A registry directory to look in first, before those of the
            `CL_KERAS_ZOO` environment variable and the packaged one.

    Returns:
        Sorted names.

    Raises:
        ValueError: If `modality` is unknown, a registry directory does not exist
            or a row that is read for a filter is not valid.

    Example:
    >>> from cl_keras import zoo
    >>> zoo.list("no_such_method*")
    []
    """
    if modality is not None and modality not in MODALITIES:
        raise unknown("modality", modality, MODALITIES)
    wanted = {
        name: value
        for name, value in (
            ("modality", modality),
            ("method", method),
            ("bytes_input", bytes_input),
            ("features", features),
        )
        if value is not None
    }

    def fits(file: Path) -> bool:
        # Without filters no row needs to be read.
        if not wanted:
            return True
        row = Row.from_json(file)
        return all(getattr(row, name) == value for name, value in wanted.items())

    rows = _row_files(registry)
    return [
        name
        for name in sorted(rows)
        if fnmatch.fnmatchcase(name, pattern) and fits(rows[name])
    ]


def info(name: str, *, registry: str | os.PathLike[str] | None = None) -> Row:
    """Returns the row of a published encoder.

    Args:
        name: A name that `list` returns.
        registry: See `list`. Where two registries have the name, the one that is
            looked in first counts.

    Returns:
        The row.

    Raises:
        ValueError: If the name is unknown (near ones are suggested) or its row is
            not valid (the file, the field and what it holds are named).

    Example:
    >>> from cl_keras import zoo
    >>> [zoo.info(name).features for name in zoo.list("no_such_method*")]
    []
    """
    rows = _row_files(registry)
    if name not in rows:
        raise unknown("zoo entry", name, rows)
    return Row.from_json(rows[name])


def _row_files(registry: str | os.PathLike[str] | None) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for directory in _directories(registry):
        for path in (directory / ROWS).glob("*.json"):
            found.setdefault(path.stem, path)
    return found


def _directories(registry: str | os.PathLike[str] | None) -> list[Path]:
    own = []
    if registry is not None:
        own.append((Path(registry), "registry"))
    for entry in os.environ.get(VARIABLE, "").split(os.pathsep):
        if entry:
            own.append((Path(entry), VARIABLE))
    for directory, origin in own:
        if not (directory / ROWS).is_dir():
            raise ValueError(
                f"Expected a registry directory with a folder `{ROWS}`. "
                f"Received: {origin}={os.fspath(directory)!r}"
            )
    return [*(directory for directory, _ in own), _PACKAGED]
