# SPDX-License-Identifier: Apache-2.0
"""Files that are replaced whole: a reader finds the old one or the new one.

Standard library only.
"""

from __future__ import annotations

import contextlib
import os
import uuid
from collections.abc import Iterator
from pathlib import Path

#: What the names of drafts begin with; a kill leaves a draft behind.
DRAFT = ".draft-"


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Gives a draft's path beside a file, and puts what was written in its place.

    If writing fails, the draft goes, the file stays and the error names it. Not a
    temporary file of the system's: that would be closed to other users.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # Of its own name: two processes may write one file. The suffix says the format.
    draft = path.with_name(f"{DRAFT}{uuid.uuid4().hex[:8]}-{path.name}")
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
