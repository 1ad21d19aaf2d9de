# SPDX-License-Identifier: Apache-2.0
"""GraphTensors of TensorFlow GNN, which is loaded when they are first asked for."""

from cl_keras.gnn.library import load
from cl_keras.gnn.schema import Layout, Schema, layout, narrow_schema, read_schema
from cl_keras.gnn.tensors import complete, merge, parse, size_keys

__all__ = [
    "Layout",
    "Schema",
    "complete",
    "layout",
    "load",
    "merge",
    "narrow_schema",
    "parse",
    "read_schema",
    "size_keys",
]
