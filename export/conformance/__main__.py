# SPDX-License-Identifier: Apache-2.0
"""Runs the check where nothing but TensorFlow can be imported."""

import sys
from pathlib import Path
from types import ModuleType

if __name__ == "__main__":
    # TensorFlow itself imports Keras if it can; a missing one does not trouble it.
    for absent in ("keras", "tf_keras", "tensorflow_gnn"):
        sys.modules[absent] = None  # type: ignore[assignment]
    # Of cl_keras there is only what is in the folder above, under its usual name.
    for name, path in (
        ("cl_keras", []),
        ("cl_keras.export", [str(Path(__file__).parents[1])]),
    ):
        sys.modules[name] = ModuleType(name)
        sys.modules[name].__path__ = path

    from cl_keras.export.conformance.examination import write_report

    write_report(*sys.argv[1:])
