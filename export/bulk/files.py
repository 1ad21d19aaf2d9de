# SPDX-License-Identifier: Apache-2.0
"""Files of a bulk job, wherever fsspec can reach them (local, gs://, s3://, hdfs://)."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
import uuid
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from cl_keras import extras

#: In a job's folder; the leading _ keeps them from readers of Parquet folders.
TEMPORARY = "_temporary"
SUCCESS = "_SUCCESS"


def location(path: str | os.PathLike[str]) -> str:
    """Says where a path is for every worker: absolute, or with its scheme."""
    text = os.fspath(path)
    if "://" in text:
        return text.rstrip("/")
    return os.path.abspath(os.path.expanduser(text))


def open_folder(url: str) -> Any:
    """Opens a folder as a file system of its own, in which names are relative."""
    system, path = _system(url)
    # Other workers write there, too.
    system.invalidate_cache()
    dirfs = extras.require("fsspec.implementations.dirfs", extra="beam")
    return dirfs.DirFileSystem(path, system)


def _system(url: str) -> tuple[Any, str]:
    if "://" in url:
        return extras.require("fsspec.core", extra="beam").url_to_fs(url)
    # Not taken for a URL: names of files may hold `::`.
    return extras.require("fsspec", extra="beam").filesystem("file"), url


def publish(folder: Any, name: str, write: Callable[[BinaryIO], object]) -> None:
    """Writes a file under a temporary name and renames it, whole or not at all."""
    temporary = f"{TEMPORARY}/{uuid.uuid4().hex}-{name.replace('/', '-')}"
    for path in (temporary, name):
        folder.makedirs(path.rpartition("/")[0], exist_ok=True)
    with folder.open(temporary, "wb") as file:
        write(file)
    folder.mv(temporary, name)


def publish_json(folder: Any, name: str, values: Any) -> None:
    """Writes a JSON file as `publish` does."""
    text = json.dumps(values, indent=2, ensure_ascii=False) + "\n"
    publish(folder, name, lambda file: file.write(text.encode()))


def publish_lines(folder: Any, name: str, rows: Iterable[Any]) -> None:
    """Writes a file of one JSON value a line as `publish` does."""
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    publish(folder, name, lambda file: file.write(text.encode()))


def read_json(folder: Any, name: str) -> Any:
    """Reads a JSON file."""
    return json.loads(folder.cat_file(name))


def remove(folder: Any, *names: str) -> None:
    """Removes folders of a job, as far as they are there."""
    for name in names:
        with contextlib.suppress(OSError):
            folder.rm(name, recursive=True)


def read_bytes(path: str) -> bytes:
    """Reads a whole file."""
    if "://" not in path:
        return Path(path).read_bytes()
    system, path = _system(path)
    content: bytes = system.cat_file(path)
    return content


@contextlib.contextmanager
def fetched(url: str) -> Iterator[str]:
    """Copies a file or a folder to this machine, unless it is there.

    TensorFlow reads fewer file systems than fsspec.
    """
    if "://" not in url:
        yield url
        return
    system, path = _system(url)
    with tempfile.TemporaryDirectory() as folder:
        for name in system.find(path):  # Just the file, if it is one.
            local = Path(folder, "copy" + name[len(path) :])
            local.parent.mkdir(parents=True, exist_ok=True)
            system.get_file(name, str(local))
        yield str(Path(folder, "copy"))


def matching(pattern: str) -> list[str]:
    """Finds files elsewhere by a pattern."""
    system, path = _system(pattern)
    return sorted(map(system.unstrip_protocol, system.glob(path)))
