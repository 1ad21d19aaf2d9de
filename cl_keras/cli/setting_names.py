# SPDX-License-Identifier: Apache-2.0
"""What `--set` takes, read from the source: importing it would load TensorFlow."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import cl_keras
from cl_keras.method_table import METHODS

# What a run makes itself; heads have settings of their own.
_MADE = {"self", "encoder", "encoders", "input_shape", "name", "dtype", "seed"}
_MADE |= {"projector", "projectors", "predictor", "prototypes", "decoder", "size"}
_MADE |= {"total_steps", "_"}
_DEFAULT_ENCODER = "compact_resnet"


def setting_names(method: str | None, encoder: str | None) -> list[str]:
    """Names the settings of a method, of its encoder and of its views."""
    row = METHODS.get(method or "")
    if row is None:
        return []
    encoder = encoder or row.defaults.get("encoder") or _DEFAULT_ENCODER
    parts = {
        "": ("methods", row.path.partition(":")[2]),
        "encoder.": ("encoders", str(encoder)),
        "augment.": ("augment", row.view_maker if row.views > 1 else ""),
    }
    return [
        prefix + name
        for prefix, (package, builder) in parts.items()
        for name in dict.fromkeys(_parameters(package, builder))
        if name not in _MADE
    ]


def _parameters(package: str, name: str) -> Iterator[str]:
    """Parameters of a function or class, then those that its parents take."""
    for path in sorted(Path(cl_keras.__path__[0], package).glob("*.py")):
        text = path.read_text(encoding="utf-8")
        if name and any(f"{word} {name}" in text for word in ("def", "class")):
            for node in ast.parse(text).body:
                if getattr(node, "name", None) == name:
                    yield from _of_node(package, node)


def _of_node(package: str, node: ast.stmt) -> Iterator[str]:
    if isinstance(node, ast.FunctionDef):
        arguments = node.args
        yield from (x.arg for x in [*arguments.args, *arguments.kwonlyargs])
    elif isinstance(node, ast.ClassDef):
        for item in node.body:
            if isinstance(item, ast.FunctionDef) and item.name == "__init__":
                yield from _of_node(package, item)
            elif isinstance(item, ast.AnnAssign) and node.decorator_list:
                yield ast.unparse(item.target)  # A field of a dataclass.
        for base in node.bases:
            if isinstance(base, ast.Name):
                yield from _parameters(package, base.id)


def encoder_functions() -> list[str]:
    """Names the rows of the table of encoders."""
    path = Path(cl_keras.__path__[0], "encoders", "build.py")
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == "ENCODERS":
            return [ast.literal_eval(key) for key in getattr(node.value, "keys", ())]
    return []
