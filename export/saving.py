# SPDX-License-Identifier: Apache-2.0
"""Writes signatures as a SavedModel."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import tensorflow as tf

from cl_keras.export.signatures.signature import Signature


def save(
    folder: Path, signatures: Sequence[Signature], functions: Sequence[Signature] = ()
) -> None:
    """Writes a SavedModel with signatures for servers and functions for Python.

    Not `keras.export.ExportArchive`: it makes every function a signature, and a
    function that trains is nothing a server may offer. All of them are attributes of
    the loaded object also, which take one dict, as `keras.layers.TFSMLayer` calls
    them. Each variable is stored once.

    Args:
        folder: Folder to write to.
        signatures: What a server offers.
        functions: What only those who load the folder in Python see.
    """
    module = tf.Module()
    variables: dict[int, tf.Variable] = {}
    offered = {}
    for signature in (*signatures, *functions):
        function = signature.traced()
        setattr(module, signature.name, function)
        # Given to `save` as it is: it would trace the function once more.
        concrete = function.get_concrete_function()
        if signature in signatures:
            offered[signature.name] = concrete
        # Found as the functions use them: whatever holds them need not be saved.
        for variable in concrete.graph.variables:
            variables.setdefault(id(variable), variable)
    module.all_variables = list(variables.values())
    tf.saved_model.save(module, str(folder), signatures=offered)
