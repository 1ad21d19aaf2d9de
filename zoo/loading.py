# SPDX-License-Identifier: Apache-2.0
"""Encoders from `.keras` files, or from the weights that their SavedModel holds.

An entry keeps its weights once, in the checkpoint of its SavedModel. Its `encoder.json`
has Keras's configuration of the encoder and, by layer, the key under which the
checkpoint has each variable. Layers are read and filled by what a `.keras` file is made
with, `save_own_variables` and `load_own_variables`: some do more than assign.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cl_keras.operation_error import brief
from cl_keras.unpacking import check_archive

if TYPE_CHECKING:
    import keras
    import numpy as np

FORMAT = 1
#: Where a SavedModel has its weights: the beginning of the names of several files.
CHECKPOINT = "variables/variables"
# What Python says where a file's parts are missing, or others than they should be.
_NO_WORDS = (AttributeError, LookupError, RecursionError, TypeError)
_VALUE = "/.ATTRIBUTES/VARIABLE_VALUE"


def load_encoder(path: Path) -> keras.Model:
    """Loads an encoder in Keras's safe mode, whatever layers of ours it is made of."""
    import keras

    # Registers the layers that encoders of graphs and sequences are made of.
    import cl_keras.encoders  # noqa: F401

    try:
        if not zipfile.is_zipfile(path):
            raise ValueError("it is no .keras archive")
        check_archive(path)
        return keras.saving.load_model(path, compile=False, safe_mode=True)
    # Archives, JSON, HDF5 and Keras have errors of their own; so do classes in them.
    except Exception as error:
        raise ValueError(
            f"Keras cannot load {path}: {_cause(error)}. Classes of your own must be "
            "registered (keras.saving.register_keras_serializable) and imported; "
            "Python lambdas are never loaded. Or export the model where it was made, "
            "with export.saved_model, and name that folder."
        ) from error


def _cause(error: Exception) -> str:
    """What went wrong at last: Keras's words around it hold all of the config."""
    _, inner, said = str(error).rpartition("Exception encountered: ")
    if not inner and isinstance(error, _NO_WORDS):
        return "its files are not those that Keras writes"
    if hasattr(error, "op"):  # TensorFlow's, which is not imported before.
        return brief(error)
    said = said.rpartition("Example error message")[2].partition(":\n\n")[2] or said
    return said.partition(". ")[0].partition("\n")[0][:200]


def describe(encoder: keras.Model, saved_model: Path) -> str | None:
    """Makes the `encoder.json` of an encoder and its SavedModel.

    None if it would not restore the encoder bit for bit: variables that the served
    function does not use are not in the SavedModel, nor are vocabularies.
    """
    import keras

    if any(hasattr(layer, "save_assets") for layer in encoder._flatten_layers()):
        return None
    values = _values(saved_model / CHECKPOINT)
    # Values, not names, tell which is which: variables of the same bits may be swapped.
    keys = {_bits(value): key for key, value in values.items()}
    layers = _layers(encoder)
    if not keys.keys() >= {bits for _, own in layers for bits in own.values()}:
        return None
    content = {
        "format": FORMAT,
        "layers": [
            [kind, {name: keys[bits] for name, bits in own.items()}]
            for kind, own in layers
        ],
        "config": keras.saving.serialize_keras_object(encoder),
    }
    text = json.dumps(content, separators=(",", ":"))
    try:
        again = _layers(_restored(json.loads(text), values))
    except (TypeError, ValueError):  # Of a class that only a `.keras` file restores.
        return None
    return text if again == layers else None


def restore(description: Path, checkpoint: Path) -> keras.Model:
    """Loads an encoder from its `encoder.json` and the weights of its SavedModel."""
    content = json.loads(description.read_text("utf-8"))
    if content["format"] != FORMAT:
        raise ValueError(
            f"{description}: expected format {FORMAT}, of this version of cl-keras. "
            f"Received: {content['format']!r}"
        )
    return _restored(content, _values(checkpoint))


def _restored(
    content: Mapping[str, Any], values: Mapping[str, np.ndarray]
) -> keras.Model:
    import keras

    import cl_keras.encoders  # noqa: F401

    encoder = keras.saving.deserialize_keras_object(content["config"], safe_mode=True)
    layers = [layer for layer, store in _stores(encoder)]
    kinds = [type(layer).__name__ for layer in layers]
    if kinds != (listed := [kind for kind, _ in content["layers"]]):
        raise ValueError(f"Expected layers with variables {listed}. Received: {kinds}")
    for layer, (_, own) in zip(layers, content["layers"], strict=True):
        layer.load_own_variables({name: values[key] for name, key in own.items()})
    return encoder


def _stores(encoder: keras.Model) -> Iterator[tuple[keras.Layer, dict[str, Any]]]:
    """Each layer with variables, the encoder itself among them, and what it stores."""
    for layer in encoder._flatten_layers():
        store: dict[str, Any] = {}
        layer.save_own_variables(store)
        if store:
            yield layer, store


def _layers(encoder: keras.Model) -> Sequence[tuple[str, dict[str, Any]]]:
    """Class and variables of each layer, bit for bit."""
    import keras

    return [
        (
            type(layer).__name__,
            {n: _bits(keras.ops.convert_to_numpy(x)) for n, x in store.items()},
        )
        for layer, store in _stores(encoder)
    ]


def _bits(value: np.ndarray) -> tuple[str, tuple[int, ...], bytes]:
    digest = hashlib.sha256(value.tobytes()).digest()
    return value.dtype.name, value.shape, digest


def _values(checkpoint: Path) -> dict[str, np.ndarray]:
    """Every variable of a checkpoint."""
    import tensorflow as tf

    try:
        return _read(tf.train.load_checkpoint(checkpoint))
    except tf.errors.NotFoundError:
        # TensorFlow takes [...] and backslashes in a path for a pattern.
        with tempfile.TemporaryDirectory() as folder:
            link = Path(folder, "variables")
            link.symlink_to(checkpoint.parent.resolve())
            return _read(tf.train.load_checkpoint(link / checkpoint.name))


def _read(reader: Any) -> dict[str, np.ndarray]:
    import numpy as np

    names = sorted(reader.get_variable_to_shape_map())
    return {n: np.asarray(reader.get_tensor(n)) for n in names if n.endswith(_VALUE)}
