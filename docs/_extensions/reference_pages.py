# SPDX-License-Identifier: Apache-2.0
"""The reference: a page for each package, with all that it exports."""

from __future__ import annotations

import importlib
import inspect
from pathlib import Path
from types import ModuleType
from typing import Any

from sphinx.errors import ExtensionError

import cl_keras
from cl_keras.methods import METHODS

FOLDERS = ("reference",)
PACKAGES = sorted(set(cl_keras.__all__) - {"__version__", "distribute"})
METHOD_CLASSES = {row.model for row in METHODS.values()}
# Members that Keras calls.
OF_KERAS = (
    "build",
    "call",
    "compute_output_shape",
    "compute_output_spec",
    "from_config",
    "get_config",
)


def pages(_: Path) -> dict[str, str]:
    """Names and texts of the pages."""
    modules = {name: importlib.import_module(f"cl_keras.{name}") for name in PACKAGES}
    written = {f"reference/{name}.md": package(modules[name]) for name in PACKAGES}
    return written | {"reference/index.md": index(modules)}


def index(modules: dict[str, ModuleType]) -> str:
    """The page of the packages."""
    lines = ["# Reference", "", "Every public name, by package.", ""]
    lines += ["| package | |", "|---|---|"]
    for name, module in modules.items():
        lines.append(f"| [`cl_keras.{name}`]({name}.md) | {summary(module)} |")
    lines += ["", "```{toctree}", ":hidden:", "", *modules, "```", ""]
    return "\n".join(lines)


def package(module: ModuleType) -> str:
    """The page of a package: a table of its names, then each with its docstring."""
    names = {name: getattr(module, name) for name in exported(module)}
    title = module.__name__.removeprefix("cl_keras.")
    text = inspect.cleandoc(module.__doc__ or "")
    lines = [f"# {title}", "", f"`{module.__name__}`", "", text, ""]
    lines += ["| name | |", "|---|---|"]
    for name, thing in names.items():
        lines.append(f"| {{py:obj}}`~{module.__name__}.{name}` | {summary(thing)} |")
    lines += ["", "```{eval-rst}", f".. py:module:: {module.__name__}", ""]
    for name, thing in names.items():
        lines += directive(f"{module.__name__}.{name}", thing)
    return "\n".join([*lines, "```", ""])


def exported(module: ModuleType) -> list[str]:
    """Public names of a package; each must be documented."""
    for name in module.__all__:
        if callable(thing := getattr(module, name)) and not inspect.getdoc(thing):
            raise ExtensionError(f"{module.__name__}.{name} has no docstring.")
    return sorted(module.__all__, key=lambda name: (name.lower(), name))


def summary(thing: Any) -> str:
    """The first line of a docstring, for a cell of a table."""
    text = inspect.getdoc(thing) if callable(thing) or inspect.ismodule(thing) else ""
    return (text or "").partition("\n\n")[0].replace("\n", " ").replace("|", r"\|")


def directive(name: str, thing: Any) -> list[str]:
    """What has autodoc write one name."""
    if inspect.ismodule(thing):
        return [f".. automodule:: {name}", "   :members:", "   :imported-members:", ""]
    if not callable(thing):
        keys = ", ".join(f"``{key}``" for key in thing)
        short = name.rpartition(".")[2]
        return [f".. py:data:: {short}", "", f"   A dictionary with {keys}.", ""]
    if not inspect.isclass(thing):
        return [f".. autofunction:: {name}", ""]
    if thing in METHOD_CLASSES:
        # Each has a page of its own on how it works; this is how it is called.
        return [f".. autoclass:: {name}", ""]
    left_out = ", ".join([*OF_KERAS, *getattr(thing, "_fields", ())])
    options = ["   :members:", f"   :exclude-members: {left_out}"]
    return [f".. autoclass:: {name}", *options, ""]
