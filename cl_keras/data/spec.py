# SPDX-License-Identifier: Apache-2.0
"""The grammar of data strings: `KIND` or `KIND:PATH`."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from cl_keras import registry
from cl_keras.data.folder_walk import holds_examples
from cl_keras.data.graphs.tu_folder import tu_name
from cl_keras.data.images.tfds import find_prepared, parse_name
from cl_keras.data.kinds import KINDS, PAIRS
from cl_keras.data.records.files import record_files


def data_string(source: str) -> str:
    """Makes a data string of a plain path."""
    path = Path(source).expanduser()
    if is_complete(source) or not path.exists():
        return source
    if path.suffix == ".npz":
        return f"npz:{source}"
    if path.is_file() or (record_files(path) and not holds_examples(path, deep=False)):
        return f"tfrecord:{source}"
    return f"folder:{source}"


def is_complete(source: str) -> bool:
    """Whether a string names data of a kind that comes with the library."""
    return source in KINDS and not KINDS[source].rest


def parse(spec: str) -> tuple[str, Path]:
    """Splits a data string into its kind and the path it names."""
    kind, colon, rest = spec.partition(":")
    if kind not in KINDS:
        if Path(spec).expanduser().exists():
            found = "folder" if Path(spec).expanduser().is_dir() else "npz"
            raise ValueError(
                f"Expected a kind of data before the path, such as {found}:{spec}. "
                f"Received: {spec!r}"
            )
        raise _unknown(spec, kind)
    if is_complete(kind):
        if colon:
            raise ValueError(f"Expected just {kind!r}. Received: {spec!r}")
        return kind, Path()
    if not rest:
        raise ValueError(
            f"Expected a {KINDS[kind].rest.lower()}, as in {kind}:{KINDS[kind].rest}. "
            f"Received: {spec!r}"
        )
    if kind == "tfds":
        return _find_tfds(rest)
    if kind == "pairs":
        return kind, _find_pairs(rest)
    return kind, _find(kind, Path(rest).expanduser())


def _unknown(spec: str, kind: str) -> ValueError:
    """The error for a path that does not exist, or for a kind that is unknown."""
    path = Path(spec).expanduser()
    if len(Path(kind).parts) > 1 or kind.startswith((".", "~")) or path.suffix:
        return ValueError(
            f"Found no file or folder {path.absolute()}. Expected data as KIND:PATH, "
            f"such as folder:PATH. Received: {spec!r}"
        )
    error = registry.unknown("kind of data", kind, KINDS)
    if kind != spec:
        return error
    return ValueError(f"{error} Nor is there a file or folder {path.absolute()}.")


def located(spec: str, place: Path) -> str:
    """Names data from anywhere that a data string names from one place."""
    kind, _, rest = spec.partition(":")
    if kind == "pairs" and rest:
        try:
            prefix, of, parts = _pair_parts(rest)
        except ValueError:
            return spec
        found = [located(f"{of}:{part}", place) for part in parts]
        paths = [part.removeprefix(f"{of}:") for part in found]
        return f"pairs:{prefix}{','.join(paths)}"
    known = kind in KINDS or kind in _EXISTS
    if not known or not rest or Path(rest).expanduser().is_absolute():
        return spec
    there = place / rest
    if kind == "tfds" and not there.is_dir():  # A set's name.
        return spec
    try:
        parse(f"{kind}:{there}") if kind in KINDS else _find(kind, there)
    except ValueError:
        return spec
    return f"{kind}:{there}"


def _find_tfds(rest: str) -> tuple[str, Path]:
    path = parse_name(rest).path
    folder = Path(path).expanduser()
    if folder.is_dir() and find_prepared(path) is None:
        # Folders as tfds.ImageFolder takes them: SPLIT/CLASS/*.jpg.
        return "folder", folder
    return "tfds", Path(rest)


def _find_pairs(rest: str) -> Path:
    """What follows `pairs:`, each file as it is found."""
    prefix, of, parts = _pair_parts(rest)
    found = [str(_find(of, Path(part).expanduser())) for part in parts]
    return Path(prefix + ",".join(found))


def _pair_parts(rest: str) -> tuple[str, str, list[str]]:
    """What says of what kind pairs are, the kind of the paths, and these."""
    kind, colon, paths = rest.partition(":")
    if not colon or not kind.isalpha():
        kind, paths = "npz", rest
    elif kind not in PAIRS:
        raise registry.unknown("kind of pairs", kind, PAIRS)
    count = 1 if kind in ("table", "csv") else 2
    parts = paths.split(",") if count == 2 else [paths]
    if not all(parts) or len(parts) != count:
        others = " or ".join(f"pairs:{name}:{PAIRS[name][0]}" for name in PAIRS)
        raise ValueError(
            "Expected pairs:A.npz,B.npz, two files with a comma between them, or "
            f"{others}. Received: 'pairs:{rest}'"
        )
    return rest.removesuffix(paths), kind, parts


# Whether a path is what a kind needs; a named set may also lie in a folder of the
# kind's name, and have a suffix.
_EXISTS: dict[str, Callable[[Path], bool]] = {
    "folder": Path.is_dir,
    "npz": Path.is_file,
    "table": Path.is_file,
    "csv": Path.exists,
    "edges": Path.exists,
    "graph": Path.exists,
    "tu": lambda p: p.is_file() or (p.is_dir() and tu_name(p) is not None),
    "tfrecord": lambda p: bool(record_files(p)),
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
    wanted = {
        "folder": "folder",
        "csv": "file or folder",
        "table": ".csv or .parquet file",
        "edges": "table or folder",
        "graph": "records",
        "tfrecord": ".tfrecord file",
        "tu": "file, or folder with one NAME_A.txt,",
    }
    hint = "" if root else " CL_KERAS_DATA, which names a folder of data, is not set."
    raise ValueError(
        f"Found no {wanted.get(kind, 'file')} for {kind}:{path}. Looked at: "
        + ", ".join(str(place.absolute()) for place in places)
        + f".{hint}"
    )
