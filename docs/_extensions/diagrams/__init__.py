# SPDX-License-Identifier: Apache-2.0
"""Pictures that follow the site's colours, dark and light: `{diagram}` draws one."""

from __future__ import annotations

from typing import Any

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from diagrams import design, families


class Diagram(SphinxDirective):
    """A picture by the name of the function that draws it."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Write the picture into the page."""
        name = self.arguments[0]
        draw = getattr(families, name, None) or getattr(design, name, None)
        if draw is None:
            raise self.error(f"There is no diagram {name!r}.")
        return [nodes.raw("", draw(), format="html")]


def setup(app: Any) -> dict[str, bool]:
    """Add the directive."""
    app.add_directive("diagram", Diagram)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
