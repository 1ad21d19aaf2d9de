# SPDX-License-Identifier: Apache-2.0
"""Modules of the library by themselves, without TensorFlow that comes with the rest."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import cl_keras


def load_alone(name: str) -> ModuleType:
    """Loads a module that needs no TensorFlow without its package, which does.

    `import cl_keras.data.kinds` would first import `cl_keras.data`, and TensorFlow with
    it, for a table of strings.
    """
    full = f"cl_keras.{name}"
    own = f"_alone.{full}"
    if found := sys.modules.get(full) or sys.modules.get(own):
        return found
    path = Path(cl_keras.__path__[0], *name.split(".")).with_suffix(".py")
    spec = importlib.util.spec_from_file_location(own, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"Cannot load {path}.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[own] = module  # Dataclasses look their module up.
    spec.loader.exec_module(module)
    return module
