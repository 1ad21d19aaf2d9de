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
import warnings
from pathlib import Path

from cl_keras.registry import unknown
from cl_keras.zoo.listing import Names
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
) -> Names:
    """Lists the names of published encoders; shown, they are a table.

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
        Sorted names, a list.

    Raises:
        ValueError: If `modality` is unknown or a registry directory does not exist.

    Warns:
        UserWarning: Of each row that a filter reads and that is not valid; it is left
            out.

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

    if not wanted:
        # No row needs to be read.
        files = _row_files(registry)
        return Names(sorted(fnmatch.filter(files, pattern)), files)
    found = (
        row.name
        for row in rows(pattern, registry=registry)
        if all(getattr(row, name) == value for name, value in wanted.items())
    )
    return Names(found, _row_files(registry))


def rows(
    pattern: str = "*", *, registry: str | os.PathLike[str] | None = None
) -> list[Row]:
    """Reads the rows of published encoders; one that is not valid stops no other.

    Args:
        pattern: Shell pattern, such as `"simclr*"`.
        registry: See `list`.

    Returns:
        The valid rows, in the order of their names.

    Raises:
        ValueError: If a registry directory does not exist.

    Warns:
        UserWarning: Of each row that is not valid.

    Example:
    >>> rows("no_such_method*")
    []
    """
    found = []
    for name, path in sorted(_row_files(registry).items()):
        if fnmatch.fnmatchcase(name, pattern):
            try:
                found.append(Row.from_json(path))
            except ValueError as error:
                warnings.warn(f"Left out: {error}", stacklevel=3)
    return found


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
    return Row.from_json(row_file(name, registry))


def row_file(name: str, registry: str | os.PathLike[str] | None) -> Path:
    """Finds the file of a row, which need not be valid."""
    files = _row_files(registry)
    if name not in files:
        raise unknown("zoo entry", name, files)
    return files[name]


def _row_files(registry: str | os.PathLike[str] | None) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for directory in _directories(registry):
        for path in (directory / ROWS).glob("*.json"):
            found.setdefault(path.stem, path)
    return found


def _directories(registry: str | os.PathLike[str] | None) -> list[Path]:
    own = []
    if registry is not None:
        own.append((Path(registry).expanduser(), "registry"))
    for entry in os.environ.get(VARIABLE, "").split(os.pathsep):
        if entry:
            own.append((Path(entry).expanduser(), VARIABLE))
    for directory, origin in own:
        if not (directory / ROWS).is_dir():
            raise ValueError(
                f"Expected a registry directory with a folder `{ROWS}`. "
                f"Received: {origin}={os.fspath(directory)!r}"
            )
    return [*(directory for directory, _ in own), _PACKAGED]
