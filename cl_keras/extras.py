# SPDX-License-Identifier: Apache-2.0
"""Optional dependencies, imported where they are needed."""

from __future__ import annotations

import importlib
from types import ModuleType


def require(module: str, *, extra: str) -> ModuleType:
    """Imports an optional module or says how to install it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        top = module.partition(".")[0]
        if (error.name or "").partition(".")[0] != top:
            raise  # The module is there; something it needs itself is not.
        raise ImportError(
            f"This needs `{top}`, which is not installed. "
            f'Install it with: pip install "cl-keras[{extra}]"'
        ) from error
