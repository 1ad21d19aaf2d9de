# SPDX-License-Identifier: Apache-2.0
"""Writes the pages that are made of code, of cards and of tables, before Sphinx reads.

Git ignores them: what they are made of is the only copy.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import method_pages
import reference_pages
import zoo_pages
from sphinx.util import logging

PARTS = (reference_pages, method_pages, zoo_pages)


def write(app: Any) -> None:
    """Write what has changed, and delete what nothing writes any more."""
    root = Path(app.srcdir)
    for part in PARTS:
        pages = part.pages(root)
        for name, text in pages.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if not path.exists() or path.read_text("utf-8") != text:
                path.write_text(text, "utf-8")
        for folder in getattr(part, "FOLDERS", ()):
            for path in (root / folder).glob("*"):
                if f"{folder}/{path.name}" not in pages and path.is_file():
                    path.unlink()
    logging.getLogger(__name__).info("wrote the pages made of code")


def setup(app: Any) -> dict[str, bool]:
    """Write before the first page is read."""
    app.connect("builder-inited", write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
