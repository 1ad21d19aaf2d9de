# SPDX-License-Identifier: Apache-2.0
"""Writes signatures as a SavedModel."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from cl_keras.export.signatures.signature import Signature


def save(
    folder: Path,
    encoder: keras.Model,
    signatures: Sequence[Signature],
    functions: Sequence[Signature] = (),
) -> None:
    """Writes a SavedModel with signatures for servers and functions for Python.

    Not `keras.export.ExportArchive`: it makes every function a signature, and a
    function that trains is nothing a server may offer. All of them are attributes of
    the loaded object also, which take one dict, as `keras.layers.TFSMLayer` calls
    them. Each variable is stored once, and tables of the encoder's lookup layers are
    stored with the files that fill them.
    """
    module = tf.Module()
    variables: dict[int, tf.Variable] = {}
    handles: set[int] = set()
    offered = {}
    for signature in (*signatures, *functions):
        function = signature.traced()
        setattr(module, signature.name, function)
        # Given to `save` as it is: it would trace the function once more.
        concrete = function.get_concrete_function()
        if signature in signatures:
            offered[signature.name] = concrete
        # Found as the functions use them: whatever holds them need not be saved.
        handles |= {id(handle) for handle in concrete.captured_inputs}
        for variable in concrete.graph.variables:
            variables.setdefault(id(variable), variable)
    module.all_variables = list(variables.values())
    # Graphs name their variables and of tables only the handles.
    module.tables = [
        table for table in _tables(encoder) if id(table.resource_handle) in handles
    ]
    try:
        tf.saved_model.save(module, str(folder), signatures=offered)
    except AssertionError as error:
        if "untracked" not in str(error):
            raise
        raise ValueError(
            "Expected lookup tables that are attributes of the encoder's layers, which "
            "are saved with it. Received: an encoder that uses a table held elsewhere"
        ) from error


def _tables(encoder: keras.Model) -> Iterator[Any]:
    """Tables of all layers: lists and dicts of Keras hide them from TensorFlow."""
    descendants = {
        id(held): held
        for layer in encoder._flatten_layers()
        for held in tf.train.TrackableView(layer).descendants()
    }
    for held in descendants.values():
        if isinstance(held, tf.saved_model.experimental.TrackableResource):
            yield held
