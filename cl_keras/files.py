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

    If writing fails, the draft goes and the file stays. Not a temporary file of the
    system's: that would be closed to other users.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # Of its own name: two processes may write one file. The suffix says the format.
    draft = path.with_name(f"{DRAFT}{uuid.uuid4().hex[:8]}-{path.name}")
    try:
        yield draft
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> Path:
    """Writes a text file whole."""
    with replacing(path) as draft:
        draft.write_text(text, encoding="utf-8")
    return path
