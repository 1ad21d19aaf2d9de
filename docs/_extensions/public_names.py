# SPDX-License-Identifier: Apache-2.0
"""Names in docstrings: links where they are public, code where they are not."""

from __future__ import annotations

from typing import Any

from docutils import nodes
from reference_pages import PACKAGES
from sphinx.addnodes import pending_xref

import cl_keras


def public_names() -> dict[str, str]:
    """Public names by all that docstrings and signatures call them."""
    names: dict[str, str] = {}
    for package in PACKAGES:
        module = getattr(cl_keras, package)
        for name in module.__all__:
            public = f"cl_keras.{package}.{name}"
            thing = getattr(module, name)
            names |= {public: public, f"{package}.{name}": public}
            if hasattr(thing, "__qualname__"):
                # Where it is defined, which is what annotations name.
                names[f"{thing.__module__}.{thing.__qualname__}"] = public
    return names


def read_role(
    _: str, rawtext: str, text: str, line: int, inliner: Any, *args: Any
) -> tuple[list[nodes.Node], list[nodes.Node]]:
    """Read text between single backticks."""
    env = inliner.document.settings.env
    module = env.ref_context.get("py:module") or ""
    name = text.removesuffix("()")
    public = env.public_names.get(f"{module}.{name}") or env.public_names.get(name)
    code = nodes.literal(rawtext, text)
    if public is None:
        return [code], []
    reference = pending_xref(
        rawtext, code, refdomain="py", reftype="obj", reftarget=public, refwarn=True
    )
    reference["refdoc"] = env.current_document.docname
    return [reference], []


def resolve(app: Any, env: Any, node: Any, content: Any) -> nodes.Node | None:
    """Lead the name of a definition to the public name's place."""
    public = env.public_names.get(node.get("reftarget"))
    if node.get("refdomain") != "py" or public in (None, node["reftarget"]):
        return None
    domain = env.get_domain("py")
    page = node.get("refdoc", "")
    return domain.resolve_xref(env, page, app.builder, "obj", public, node, content)


def give_names(app: Any, env: Any, *_: Any) -> None:
    """Have all pages know the names."""
    env.public_names = public_names()


def example(app: Any, what: str, name: str, thing: Any, _: Any, lines: list) -> None:
    """Have Napoleon take an example, which our docstrings do not indent."""
    for index in [i for i, line in enumerate(lines) if line == "Example:"][::-1]:
        lines[index : index + 1] = [".. rubric:: Example", ""]


def setup(app: Any) -> dict[str, bool]:
    """Add the role, for `default_role`, and follow links that lead nowhere."""
    app.setup_extension("sphinx.ext.autodoc")
    app.add_role("name", read_role)
    app.connect("env-before-read-docs", give_names)
    app.connect("missing-reference", resolve)
    app.connect("autodoc-process-docstring", example, priority=100)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
