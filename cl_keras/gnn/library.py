# SPDX-License-Identifier: Apache-2.0
"""TensorFlow GNN beside Keras 3: the only file that imports `tensorflow_gnn`.

TensorFlow GNN is built on Keras 2 and reads it as `tf.keras`. TensorFlow decides
once a process what `tf.keras` is, when it is first used: Keras 3, or the package
`tf_keras` (Keras 2) if the environment variable `TF_USE_LEGACY_KERAS` is set at that
moment. `load` sets the variable for the time of the import only, so `import keras`
stays Keras 3, child processes see the environment as it was, and a process that never
asks for GraphTensors is left alone. What does change, and cannot be helped: from then
on `tf.keras` is Keras 2 in this process. This package never uses `tf.keras`.
"""

from __future__ import annotations

import importlib.util
import os
import sys
import threading
from types import ModuleType

import tensorflow as tf

from cl_keras import extras

_FLAG = "TF_USE_LEGACY_KERAS"
_LOCK = threading.Lock()


def load(name: str = "tensorflow_gnn") -> ModuleType:
    """Imports TensorFlow GNN, whatever Keras the process uses."""
    if (module := sys.modules.get(name)) is not None:
        return module
    # Both are looked for before `tf.keras` is touched: a failed attempt would leave
    # it broken for the rest of the process.
    for package in ("tensorflow_gnn", "tf_keras"):
        if importlib.util.find_spec(package) is None:
            extras.require(package, extra="graph")
    with _LOCK:
        before = os.environ.get(_FLAG)
        os.environ[_FLAG] = "1"
        try:
            # Only Keras 3 has this function there. Asking decides what `tf.keras` is.
            version = getattr(tf.keras, "version", None)
            if version is not None:
                raise ImportError(_in_use(version()))
            return extras.require(name, extra="graph")
        finally:
            if before is None:
                del os.environ[_FLAG]
            else:
                os.environ[_FLAG] = before


def _in_use(version: str) -> str:
    return (
        "TensorFlow GNN needs `tf.keras` to be Keras 2 (the package tf_keras), but "
        f"this process has already used `tf.keras` as Keras {version}, and TensorFlow "
        "decides that once. Do one of these: (1) start the process with the "
        f"environment variable {_FLAG}=1; `import keras` stays Keras 3. (2) Call "
        "`from cl_keras import gnn; gnn.load()` at the start of the program, before "
        "anything uses `tf.keras`, and write `import keras` in place of `tf.keras` in "
        "your own code. (3) Read or export graphs in a process of their own."
    )
