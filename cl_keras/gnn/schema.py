# SPDX-License-Identifier: Apache-2.0
"""Which part of a GraphTensor is the graph that an encoder sees."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import tensorflow as tf

from cl_keras.gnn.library import load
from cl_keras.registry import unknown

#: A `GraphSchema` message, or the path of its text form (`.pbtxt`).
Schema: TypeAlias = Any


def read_schema(path: str | os.PathLike[str]) -> Any:
    """Reads a `GraphSchema` from its text form and validates it."""
    tfgnn = load()
    from google.protobuf import text_format

    try:
        schema = tfgnn.read_schema(os.fspath(path))
        tfgnn.validate_schema(schema)
    except (text_format.ParseError, tf.errors.OpError, ValueError, OSError) as error:
        raise ValueError(
            f"Expected a GraphSchema in text form at {os.fspath(path)}: "
            f"{' '.join(str(error).split())[:300]}"
        ) from error
    return schema


@dataclass(frozen=True)
class Layout:
    """Which parts of a GraphTensor are the graph that an encoder sees.

    Args:
        node_set: Name of the node set.
        edge_set: Name of the edge set, from `node_set` to itself.
        features: Names of the node features that stand side by side in the
            encoder's `features`, in order.
        widths: How many columns each of them has.
        dtypes: Their dtypes in the schema; the encoder sees float32.
        receiver: The end of an edge that receives the message, `"target"` or
            `"source"`. Our graph encoders send from source to target; sampled
            subgraphs run from the seed outwards, so their seeds receive at the
            source (TF-GNN's `receiver_tag`), and their edges are turned round.
    """

    node_set: str
    edge_set: str
    features: tuple[str, ...]
    widths: tuple[int, ...]
    dtypes: tuple[str, ...]
    receiver: str = "target"

    @property
    def width(self) -> int:
        """Columns of the encoder's `features`."""
        return sum(self.widths)

    def facts(self) -> dict[str, Any]:
        """The layout as JSON values, for manifests."""
        return {
            "node_set": self.node_set,
            "edge_set": self.edge_set,
            "features": [
                {"name": name, "width": width, "dtype": dtype}
                for name, width, dtype in zip(
                    self.features, self.widths, self.dtypes, strict=True
                )
            ],
            "receiver": self.receiver,
        }


def layout(
    schema: Schema,
    *,
    node_set: str | None = None,
    edge_set: str | None = None,
    features: str | Sequence[str] | None = None,
    receiver: str = "target",
) -> Layout:
    """Finds in a schema the graph that an encoder sees."""
    tfgnn = load()
    if isinstance(schema, str | os.PathLike):
        schema = read_schema(schema)
    if not isinstance(schema, tfgnn.GraphSchema):
        raise TypeError(
            "Expected a tensorflow_gnn.GraphSchema or the path of one. Received: "
            f"{type(schema).__name__}"
        )
    if receiver not in ("source", "target"):
        raise unknown("receiver", receiver, ["source", "target"])

    def real(names: Any) -> list[str]:
        # Names like `_readout` are bookkeeping of TF-GNN.
        return sorted(name for name in names if not tfgnn.get_aux_type_prefix(name))

    node_set = _choose("node set", node_set, real(schema.node_sets))
    loops = [
        name
        for name in real(schema.edge_sets)
        if schema.edge_sets[name].source == schema.edge_sets[name].target == node_set
    ]
    edge_set = _choose(f"edge set from {node_set} to itself", edge_set, loops)
    columns = schema.node_sets[node_set].features
    if features is None:
        floats = [
            name
            for name in sorted(columns)
            if tf.dtypes.as_dtype(columns[name].dtype).is_floating
        ]
        names: tuple[str, ...] = (
            _choose(f"floating feature of {node_set}", None, floats),
        )
    else:
        names = (features,) if isinstance(features, str) else tuple(features)
    if not names:
        raise ValueError("Expected at least one node feature. Received: features=()")
    widths, dtypes = [], []
    for name in names:
        if name not in columns:
            raise unknown(f"feature of {node_set}", name, list(columns))
        dtype = tf.dtypes.as_dtype(columns[name].dtype)
        shape = [dim.size for dim in columns[name].shape.dim]
        numeric = dtype.is_floating or dtype.is_integer or dtype.is_bool
        if not numeric or any(size < 1 for size in shape):
            raise ValueError(
                f"Expected feature {name!r} of {node_set} to be numeric and of fixed "
                f"shape. Received: {dtype.name} {shape}"
            )
        width = 1
        for size in shape:
            width *= size
        widths.append(width)
        dtypes.append(dtype.name)
    return Layout(node_set, edge_set, names, tuple(widths), tuple(dtypes), receiver)


def _choose(kind: str, name: str | None, known: list[str]) -> str:
    if name is not None:
        if name not in known:
            raise unknown(kind, name, known)
        return name
    if len(known) != 1:
        raise ValueError(
            f"Expected the name of a {kind}: the schema has {len(known)}"
            + (f" ({', '.join(known)})" if known else "")
        )
    return known[0]


def narrow_schema(parts: Layout) -> Any:
    """Returns the schema of just what a layout names.

    Records are parsed by it: what else they hold may be there or not.
    """
    schema = load().GraphSchema()
    columns = schema.node_sets[parts.node_set].features
    for name, width, dtype in zip(
        parts.features, parts.widths, parts.dtypes, strict=True
    ):
        columns[name].dtype = tf.dtypes.as_dtype(dtype).as_datatype_enum
        columns[name].shape.dim.add().size = width
    edges = schema.edge_sets[parts.edge_set]
    edges.source = edges.target = parts.node_set
    return schema
