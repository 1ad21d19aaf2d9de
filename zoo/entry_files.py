# SPDX-License-Identifier: Apache-2.0
"""Where an entry's files lie in its registry, also while they are replaced.

    files/<name>/          the files
    files/<name>-<key>/    new files, complete, until the change is finished

An entry changes when its row does, which is one rename. By then its new files lie
under the key of their content; the old ones stay in `files/<name>/` until the row
names others. A kill at any moment leaves the old entry or the new one, and the next
publication finishes the change or discards it.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from cl_keras import files
from cl_keras.file_record import FileRecord
from cl_keras.zoo.card import card
from cl_keras.zoo.registry import CARDS, FILES, ROWS
from cl_keras.zoo.row import Row

_BUILDING, _RETIRED = ".building", ".retired"
_KEYED = re.compile(r"([a-z0-9_]+)-([0-9a-f]{16})")


def key(row: Row) -> str:
    """Names the content of an entry's files, in 16 hexadecimal digits."""
    content = "\n".join(f"{record.sha256} {record.path}" for record in row.files)
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def packaged_folder(root: Path, row: Row) -> Path:
    """Finds the folder of an entry whose files lie in its registry."""
    keyed = root / FILES / f"{row.name}-{key(row)}"
    return keyed if keyed.is_dir() else root / FILES / row.name


@contextlib.contextmanager
def changing(root: Path) -> Iterator[None]:
    """Lets one process change a registry, and ends what killed ones had begun."""
    from filelock import FileLock

    for folder in (ROWS, CARDS, FILES):
        (root / folder).mkdir(parents=True, exist_ok=True)
    with FileLock(root / ".lock"):
        for path in root.glob(f"{FILES}/.*"):
            if path.name.startswith((_BUILDING, _RETIRED)):
                shutil.rmtree(path)
        for path in root.glob(f"*/{files.DRAFT}*"):
            path.unlink()
        for path in root.glob(f"{FILES}/*-*"):
            if keyed := _KEYED.fullmatch(path.name):
                row_file = root / ROWS / f"{keyed[1]}.json"
                row = Row.from_json(row_file) if row_file.exists() else None
                if row is not None and key(row) == keyed[2]:
                    _finish(root, row)
                else:
                    shutil.rmtree(path)
        yield


def put(root: Path, row: Row, sources: Mapping[FileRecord, Path]) -> None:
    """Adds an entry to a registry or replaces it; to be called while `changing`."""
    building = root / FILES / _BUILDING
    for record, source in sources.items():
        target = building / record.path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
        record.verify(building)
    building.rename(root / FILES / f"{row.name}-{key(row)}")
    files.write_text(root / ROWS / f"{row.name}.json", row.to_json())
    _finish(root, row)


def _finish(root: Path, row: Row) -> None:
    """What follows once an entry's row is there: its card, and the folder's name."""
    card_file = root / CARDS / f"{row.name}.md"
    previous = card_file.read_text("utf-8") if card_file.exists() else ""
    figure = card_file.with_suffix(".png").exists()
    files.write_text(card_file, card(row, previous, figure=figure))
    keyed, target = packaged_folder(root, row), root / FILES / row.name
    retired = root / FILES / _RETIRED
    if target.exists():
        target.rename(retired)
    keyed.rename(target)
    shutil.rmtree(retired, ignore_errors=True)
