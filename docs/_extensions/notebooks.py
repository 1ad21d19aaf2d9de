# SPDX-License-Identifier: Apache-2.0
"""Each guide that ran is offered as a notebook, with what it printed."""

from __future__ import annotations

from functools import partialmethod
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

INSTALL = """On another machine, such as Google Colab, install the package first: \
upload the wheel that `make wheel` writes and run

```
%pip install "cl_keras-{version}-py3-none-any.whl[eval,audio,tables]"
```"""


def ran(app: Any, page: str) -> Path:
    """Where MyST-NB leaves what ran."""
    return Path(app.outdir).parent / "jupyter_execute" / f"{page}.ipynb"


def name_notebook(app: Any, page: str, _: str, context: dict, __: Any) -> None:
    """Tell the page's template whether the page is a notebook."""
    if ran(app, page).exists():
        context["notebook"] = f"notebooks/{page}.ipynb"


def write_notebooks(app: Any, error: Exception | None) -> None:
    """Write them beside the pages."""
    for page in app.env.found_docs if error is None else ():
        if not ran(app, page).exists():
            continue
        notebook = nbformat.read(ran(app, page), as_version=4)
        for cell in notebook.cells:
            if cell.cell_type == "code":
                cell.outputs = [x for x in cell.outputs if x.get("name") != "stderr"]
        text = INSTALL.format(version=app.config.release)
        notebook.cells.insert(0, nbformat.v4.new_markdown_cell(text))
        path = Path(app.outdir) / "notebooks" / f"{page}.ipynb"
        path.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(notebook, path)


def setup(app: Any) -> dict[str, bool]:
    """Follow the build."""
    # What a cell prints comes in pieces; MyST-NB would end each with a newline.
    NotebookClient.__init__ = partialmethod(  # type: ignore[method-assign]
        NotebookClient.__init__, coalesce_streams=True
    )
    app.connect("html-page-context", name_notebook)
    app.connect("build-finished", write_notebooks)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
