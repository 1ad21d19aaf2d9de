# SPDX-License-Identifier: Apache-2.0
"""The encoder in a SavedModel, called like a Keras model."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf

from cl_keras.artifact import FLOAT_SIGNATURE, MANIFEST_FILE, OUTPUT
from cl_keras.operation_error import brief

_GRAPH = "saved_model.pb"


class ServedEncoder:
    """The default signature of a SavedModel, loaded without Keras.

    It computes features only: it cannot be trained on or built anew.

    Args:
        path: A SavedModel version folder.

    Raises:
        ValueError: If the folder holds no SavedModel that can be read, or it has no
            such signature, with one float input (or a graph's `features` and `edges`)
            and one output that can be told.
    """

    def __init__(self, path: Path) -> None:
        self.name = str(path)
        try:
            self._loaded = tf.saved_model.load(str(path))
        # TensorFlow's readers of its parts have errors of their own.
        except Exception as error:
            raise ValueError(
                f"TensorFlow cannot load the SavedModel {path}: {brief(error)}"
            ) from error
        signatures = self._loaded.signatures
        if FLOAT_SIGNATURE not in signatures:
            raise ValueError(
                f"Expected the signature {FLOAT_SIGNATURE!r} in {path}. "
                f"Received: {sorted(signatures) or 'no signatures'}"
            )
        self._function = signatures[FLOAT_SIGNATURE]
        self._inputs: Mapping[str, tf.TensorSpec] = (
            self._function.structured_input_signature[1]
        )
        outputs = self._function.structured_outputs
        self._output = OUTPUT if OUTPUT in outputs else next(iter(outputs))
        floats = [spec for spec in self._inputs.values() if spec.dtype.is_floating]
        if len(floats) != 1 or (len(outputs) > 1 and OUTPUT not in outputs):
            raise ValueError(
                f"Expected one float input and the output {OUTPUT!r} in {path}. "
                f"Received: inputs {sorted(self._inputs)}, outputs {sorted(outputs)}"
            )
        self.is_graph = len(self._inputs) > 1
        shapes = {key: tuple(spec.shape) for key, spec in self._inputs.items()}
        self.input_shape: Any = shapes if self.is_graph else tuple(floats[0].shape)
        self.output_shape = tuple(outputs[self._output].shape)
        # Keras models have layers; here no one can see them.
        self.layers: tuple[Any, ...] = ()

    def __call__(self, inputs: Any, training: bool = False) -> tf.Tensor:
        """Computes features, always in inference mode."""
        named = inputs if self.is_graph else {next(iter(self._inputs)): inputs}
        given = {}
        for name, spec in self._inputs.items():
            tensor = named[name]
            if isinstance(tensor, tf.SparseTensor):
                tensor = tf.sparse.to_dense(tensor)
            given[name] = tf.cast(tensor, spec.dtype)
        return self._function(**given)[self._output]


def version_folder(path: Path) -> Path | None:
    """Finds the SavedModel in a folder."""
    if (path / _GRAPH).is_file():
        return path
    if not path.is_dir():
        return None
    versions = [
        found
        for found in path.iterdir()
        if found.name.isdecimal() and (found / _GRAPH).is_file()
    ]
    return max(versions, key=lambda found: int(found.name), default=None)


def served_facts(path: Path) -> dict[str, Any]:
    """Reads what an export has noted down."""
    file = path / MANIFEST_FILE
    if not file.is_file():
        return {}
    content = json.loads(file.read_text(encoding="utf-8"))
    noted = content.get("metadata") or {}
    found = {name: noted[name] for name in ("method", "data") if name in noted}
    if rate := (content.get("input") or {}).get("sample_rate"):
        found["sample_rate"] = rate
    return found
