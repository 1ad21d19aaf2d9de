# SPDX-License-Identifier: Apache-2.0
"""What the shell offers after a Tab: names of methods, kinds of data, encoders.

`cl-keras --install-completion` sets the shell up. Nothing here imports TensorFlow: a
Tab is answered in a fraction of a second.
"""

from __future__ import annotations

from pathlib import Path

import typer

from cl_keras.cli.setting_names import encoder_functions, setting_names
from cl_keras.cli.tables import load_alone
from cl_keras.method_table import METHODS


def method_names(incomplete: str) -> list[tuple[str, str]]:
    """Offers methods, each with its title."""
    rows = METHODS
    return [(n, row.title) for n, row in rows.items() if n.startswith(incomplete)]


def data_strings(incomplete: str) -> list[tuple[str, str]]:
    """Offers kinds of data; after the colon of a path, paths."""
    known = load_alone("data.kinds")
    kinds = known.KINDS
    head, colon, rest = incomplete.partition(":")
    if head == "pairs" and colon:
        return _pairs(rest, known.PAIRS)
    if colon:
        if head not in kinds or kinds[head].rest != "PATH":
            return []
        return [(f"{head}:{path}", "") for path in _paths(rest, set())]
    words = (
        (name + ":" if kind.rest else name, kind.summary)
        for name, kind in kinds.items()
    )
    return [(word, text) for word, text in words if word.startswith(incomplete)]


def _pairs(rest: str, kinds: dict[str, tuple[str, str]]) -> list[tuple[str, str]]:
    """Kinds of pairs; after the colon of one, paths, also of the second of two."""
    kind, colon, paths = rest.partition(":")
    if not colon:
        found = kinds.items()
        return [(f"pairs:{n}:", x[1]) for n, x in found if n.startswith(kind)]
    first, comma, last = paths.rpartition(",")
    start = f"pairs:{kind}:{first}{comma}"
    return [(start + path, "") for path in _paths(last, set()) if kind in kinds]


def zoo_names(incomplete: str) -> list[str]:
    """Offers encoders of the zoo, with the registries of `CL_KERAS_ZOO`."""
    from cl_keras import zoo

    try:
        return [name for name in zoo.list() if name.startswith(incomplete)]
    except ValueError:  # CL_KERAS_ZOO names no registry: a Tab is no place to say so.
        return []


def recipe_names(incomplete: str) -> list[str]:
    """Offers recipes of the zoo."""
    from cl_keras import zoo

    return [name for name in zoo.recipes() if name.startswith(incomplete)]


def encoder_names(incomplete: str) -> list[str]:
    """Offers architectures, then weights to start from: of the zoo, or in a run."""
    head, colon, rest = incomplete.partition(":")
    if head == "zoo" and colon:
        return [f"zoo:{name}" for name in zoo_names(rest)]
    if head in ("run", "checkpoint") and colon:
        return [f"{head}:{path}" for path in _paths(rest, set())]
    known = [*encoder_functions(), "zoo:", "run:", "checkpoint:", "keras:"]
    return [name for name in known if name.startswith(incomplete)]


def settings(context: typer.Context, incomplete: str) -> list[str]:
    """Offers what `--set` takes, for the method and encoder on the line."""
    # The option that is being typed has no value yet: so nothing is parsed.
    words = [*context.args, "--encoder", context.params.get("encoder")]
    known = (word for word in words if word in METHODS)
    method = context.params.get("method") or next(known, None)
    encoder = words[words.index("--encoder") + 1]
    names = setting_names(method, encoder)
    return [f"{name}=" for name in names if name.startswith(incomplete)]


def targets(incomplete: str) -> list[str]:
    """Offers encoders of the zoo, then run folders and `.keras` files."""
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
