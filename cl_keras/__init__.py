# SPDX-License-Identifier: Apache-2.0
"""Contrastive representation learning for Keras 3 on TensorFlow."""

from __future__ import annotations

import importlib
from types import ModuleType

from cl_keras.registration import follow_keras

__version__ = "0.1.0"

_PACKAGES = (
    "augment",
    "checkpoints",
    "data",
    "distribute",
    "encoders",
    "estimators",
    "evaluate",
    "export",
    "heads",
    "losses",
    "methods",
    "optimizers",
    "runs",
    "workers",
    "zoo",
)
__all__ = ["__version__", *_PACKAGES]


def __getattr__(name: str) -> ModuleType:
    # Loaded on first use: `import cl_keras` and the command line's help stay
    # free of TensorFlow, which takes seconds to import.
    if name in _PACKAGES:
        return importlib.import_module(f"cl_keras.{name}")
    raise AttributeError(f"module 'cl_keras' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)


follow_keras()
