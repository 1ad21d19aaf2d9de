# SPDX-License-Identifier: Apache-2.0
"""Files that are replaced whole: a reader finds the old one or the new one.

Standard library only.
"""

from __future__ import annotations

import contextlib
import glob
import os
import shutil
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

#: What the names of drafts begin with; a kill leaves a draft behind.
DRAFT = ".draft-"
# Nobody writes to a draft any more that nobody has touched for so many seconds.
_ABANDONED = 24 * 3600.0


def draft_of(path: Path) -> Path:
    """Names a file or folder beside a path, which is to become it by a rename.

    Drafts of that path which a killed process left a day ago or earlier are removed.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    for left in path.parent.glob(f"{DRAFT}*-{glob.escape(path.name)}"):
        with contextlib.suppress(OSError):
            touched = max(p.lstat().st_mtime for p in (left, *left.rglob("*")))
            if time.time() - touched > _ABANDONED:
                shutil.rmtree(left) if left.is_dir() else left.unlink()
    # Of its own name: two processes may write one file. The suffix says the format.
    return path.with_name(f"{DRAFT}{uuid.uuid4().hex[:8]}-{path.name}")


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Gives a draft's path beside a file, and puts what was written in its place.

    If writing fails, the draft goes, the file stays and the error names it. Not a
    temporary file of the system's: that would be closed to other users.
    """
    draft = draft_of(path)
    try:
        with naming(path):
            yield draft
            os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)


@contextlib.contextmanager
def naming(path: Path) -> Iterator[None]:
    """Has an error of writing say where: a full disk's names no file by itself."""
    try:
        yield
    except OSError as error:
        if error.filename is not None:
            raise
        if error.errno is None:
            raise OSError(f"{path} could not be written: {error}") from error
        raise OSError(error.errno, error.strerror, os.fspath(path)) from error


def write_text(path: Path, text: str) -> Path:
    """Writes a text file whole."""
    with replacing(path) as draft:
        draft.write_text(text, encoding="utf-8")
    return path
