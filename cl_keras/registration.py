# SPDX-License-Identifier: Apache-2.0
"""Makes Keras know the classes of saved models after `import cl_keras` alone."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from importlib.machinery import ModuleSpec
from types import ModuleType

# Their import registers every class that a file may hold.
_SAVED = ("encoders", "estimators", "heads", "losses", "methods", "optimizers")


def follow_keras() -> None:
    """Registers the classes now, or when Keras is imported: it takes seconds itself."""
    if "keras" in sys.modules:
        _register()
    else:
        sys.meta_path.insert(0, _KerasFinder())


def _register() -> None:
    for name in _SAVED:
        importlib.import_module(f"cl_keras.{name}")


class _KerasFinder:
    """Finds Keras as ever, once, and registers the classes after its import."""

    def find_spec(self, name: str, *_: object) -> ModuleSpec | None:
        if name != "keras":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is None or spec.loader is None:
            return spec
        execute = spec.loader.exec_module

        def exec_module(module: ModuleType) -> None:
            execute(module)
            # A package of ours that imports Keras registers what is its own.
            if not any(part.startswith("cl_keras.") for part in _others()):
                _register()

        spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


def _others() -> set[str]:
    return sys.modules.keys() - {__name__}
