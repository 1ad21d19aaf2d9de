# SPDX-License-Identifier: Apache-2.0
"""Equations as MathML, which browsers draw: no script and no network is needed."""

from __future__ import annotations

from typing import Any

from docutils.nodes import SkipNode
from docutils.utils.math import latex2mathml
from sphinx.errors import ExtensionError


def as_mathml(node: Any, block: bool) -> str:
    """The LaTeX of a node as MathML."""
    try:
        return str(latex2mathml.tex2mathml(node.astext(), as_block=block))
    except Exception as error:
        message = f"An equation cannot be written as MathML: {node.astext()!r}: {error}"
        raise ExtensionError(message) from error


def visit_inline(self: Any, node: Any) -> None:
    """Write an equation within a line."""
    self.body.append(as_mathml(node, False))
    raise SkipNode


def visit_block(self: Any, node: Any) -> None:
    """Write an equation of its own."""
    attributes = {"ids": node["ids"], "CLASS": "equation"}
    self.body.append(self.starttag(node, "div", **attributes))
    self.body.append(as_mathml(node, True) + "</div>")
    raise SkipNode


def setup(app: Any) -> dict[str, bool]:
    """Make it a way of writing equations that `html_math_renderer` can name."""
    app.add_html_math_renderer("mathml", (visit_inline, None), (visit_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
