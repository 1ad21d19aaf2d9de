# SPDX-License-Identifier: Apache-2.0
"""What the shell offers after a Tab: names of methods, kinds of data, encoders.

`cl-keras --install-completion` sets the shell up. Nothing here imports TensorFlow: a
Tab is answered in a fraction of a second.
"""

from __future__ import annotations

from pathlib import Path

from cl_keras.cli.tables import load_alone


def method_names(incomplete: str) -> list[tuple[str, str]]:
    """Methods that begin so, each with its line of help.

    Args:
        incomplete: What has been typed of the word.

    Returns:
        Names and descriptions.

    Example:
    >>> method_names("sim")
    [('simclr', 'SimCLR')]
    """
    rows = load_alone("methods.table").METHODS
    return [(n, row.title) for n, row in rows.items() if _begins(n, incomplete)]


def data_strings(incomplete: str) -> list[tuple[str, str]]:
    """Kinds of data that begin so; after the colon of a path, paths.

    Args:
        incomplete: What has been typed of the word.

    Returns:
        Beginnings of data strings, and descriptions.

    Example:
    >>> data_strings("dig")
    [('digits', "scikit-learn's scans of handwritten digits")]
    """
    kinds = load_alone("data.kinds").KINDS
    head, colon, rest = incomplete.partition(":")
    if colon:
        if head not in kinds or kinds[head].rest != "PATH":
            return []
        return [(f"{head}:{path}", "") for path in _paths(rest, set())]
    words = (
        (name + ":" if kind.rest else name, kind.summary)
        for name, kind in kinds.items()
    )
    return [(word, text) for word, text in words if _begins(word, incomplete)]


def zoo_names(incomplete: str) -> list[str]:
    """Published encoders that begin so.

    Args:
        incomplete: What has been typed of the word.

    Returns:
        Names of the zoo, with the registries of `CL_KERAS_ZOO`.

    Example:
    >>> zoo_names("no_such_method")
    []
    """
    from cl_keras import zoo

    try:
        return [name for name in zoo.list() if _begins(name, incomplete)]
    except ValueError:  # CL_KERAS_ZOO names no registry: a Tab is no place to say so.
        return []


def targets(incomplete: str) -> list[str]:
    """Encoders that begin so: of the zoo, run folders and `.keras` files.

    Args:
        incomplete: What has been typed of the word.

    Returns:
        Names of the zoo, then paths; folders end in a slash.

    Example:
    >>> targets("no_such_method")
    []
    """
    return zoo_names(incomplete) + _paths(incomplete, {".keras"})


def _paths(incomplete: str, suffixes: set[str]) -> list[str]:
    """Folders, and files of these suffixes (of any, if there are none)."""
    folder, slash, start = incomplete.rpartition("/")
    try:
        entries = sorted(Path((folder + slash) or ".").expanduser().iterdir())
    except OSError:
        return []
    return [
        folder + slash + entry.name + ("/" if entry.is_dir() else "")
        for entry in entries
        if entry.name.startswith(start or ".") != (not start)
        and (entry.is_dir() or not suffixes or entry.suffix in suffixes)
    ]


def _begins(word: str, incomplete: str) -> bool:
    return word.startswith(incomplete)
