# SPDX-License-Identifier: Apache-2.0
"""Files of a bulk job, wherever Apache Beam can reach them (local, gs://, hdfs://)."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from cl_keras import extras

#: In a job's folder; the leading _ keeps them from readers of Parquet folders.
TEMPORARY = "_temporary"
SUCCESS = "_SUCCESS"


def beam(module: str = "apache_beam") -> Any:
    """Imports a module of Beam."""
    # On import, Beam warns of Google libraries that are not there, through the root
    # logger, which this would set up for the whole program.
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        return extras.require(module, extra="beam")
    finally:
        logging.disable(before)


def filesystems() -> Any:
    """Finds Beam's file systems."""
    return beam("apache_beam.io.filesystems").FileSystems


def location(path: str | os.PathLike[str]) -> str:
    """Says where a path is for every worker: absolute, or with its scheme."""
    text = os.fspath(path)
    if "://" in text:
        return text.rstrip("/")
    return os.path.abspath(os.path.expanduser(text))


def join(base: str, *parts: str) -> str:
    """Joins parts of a path by slashes."""
    return "/".join((base.rstrip("/"), *parts))


def read_bytes(path: str) -> bytes:
    """Reads a whole file, as it is."""
    with _open(path) as file:
        return file.read()


@contextlib.contextmanager
def fetched(path: str) -> Iterator[str]:
    """Copies a file or a folder to this machine, unless it is there.

    TensorFlow reads fewer file systems than Beam.
    """
    if "://" not in path:
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        for name in listing(path) or [""]:
            local = Path(folder, "copy", name) if name else Path(folder, "copy")
            local.parent.mkdir(parents=True, exist_ok=True)
            source = join(path, name) if name else path
            with _open(source) as file, local.open("wb") as copy:
                shutil.copyfileobj(file, copy)
        yield str(Path(folder, "copy"))


def publish(out: str, name: str, write: Callable[[BinaryIO], None]) -> None:
    """Writes a file under a temporary name and renames it, whole or not at all."""
    plain = beam("apache_beam.io.filesystem").CompressionTypes.UNCOMPRESSED
    temporary = join(out, TEMPORARY, f"{uuid.uuid4().hex}-{name.replace('/', '-')}")
    with filesystems().create(temporary, compression_type=plain) as file:
        write(file)
    final = join(out, name)
    if "://" not in final:
        os.makedirs(os.path.dirname(final), exist_ok=True)
    filesystems().rename([temporary], [final])


def publish_json(out: str, name: str, values: Any) -> None:
    """Writes a JSON file as `publish` does."""
    text = json.dumps(values, indent=2, ensure_ascii=False) + "\n"
    publish(out, name, lambda file: _discard(file.write(text.encode())))


def publish_lines(out: str, name: str, rows: Iterable[Any]) -> None:
    """Writes a file of one JSON value a line as `publish` does."""

    def write(file: BinaryIO) -> None:
        for row in rows:
            file.write((json.dumps(row, ensure_ascii=False) + "\n").encode())

    publish(out, name, write)


def read_json(path: str) -> Any:
    """Reads a JSON file."""
    return json.loads(read_bytes(path))


def listing(folder: str) -> list[str]:
    """Lists all files below a folder."""
    if "://" not in folder:  # A pattern would read the [ ] of a name.
        paths = (path for path in Path(folder).rglob("*") if path.is_file())
        return sorted(path.relative_to(folder).as_posix() for path in paths)
    start = len(folder.rstrip("/")) + 1
    return [file[start:] for file in matching(join(folder, "**"))]


def matching(pattern: str) -> list[str]:
    """Finds files by a pattern."""
    (found,) = filesystems().match([pattern])
    return sorted(file.path for file in found.metadata_list)


def copy_in(folder: Path, out: str, name: str) -> None:
    """Copies a local folder into a job's folder."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            with path.open("rb") as source:
                publish(
                    out,
                    f"{name}/{path.relative_to(folder).as_posix()}",
                    partial(shutil.copyfileobj, source),
                )


def remove(out: str, *names: str) -> None:
    """Removes files and folders of a job, as far as they are there."""
    for name in names:
        path = join(out, name)
        if "://" not in path and os.path.isdir(path):
            shutil.rmtree(path, ignore_errors=True)
        elif filesystems().exists(path) or "://" in path:
            files = [join(path, file) for file in listing(path)] or [path]
            filesystems().delete([file for file in files if filesystems().exists(file)])


def _open(path: str) -> BinaryIO:
    # As it is: Beam would unpack what ends in .gz.
    plain = beam("apache_beam.io.filesystem").CompressionTypes.UNCOMPRESSED
    return filesystems().open(path, compression_type=plain)


def _discard(_: object) -> None:
    """Writers return nothing."""
