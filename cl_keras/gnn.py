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
from collections.abc import Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any, TypeAlias

import tensorflow as tf

from cl_keras import extras
from cl_keras.registry import unknown

#: A `GraphSchema` message, or the path of its text form (`.pbtxt`).
Schema: TypeAlias = Any

# AutoGraph has nothing to do in TF-GNN's functions and takes seconds to find that out:
# whatever calls them in a graph is marked `do_not_convert`.

_FLAG = "TF_USE_LEGACY_KERAS"
_LOCK = threading.Lock()


def load(name: str = "tensorflow_gnn") -> ModuleType:
    """Imports TensorFlow GNN, whatever Keras the process uses.

    Args:
        name: `"tensorflow_gnn"`, or a module in it, such as its samplers, which it
            does not import by itself.

    Returns:
        The module.

    Raises:
        ImportError: With the pip line, if it is not installed; or with what to do, if
            something has used `tf.keras` as Keras 3 in this process already.

    Example:
    >>> load().__name__  # doctest: +SKIP
    'tensorflow_gnn'
    """
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


def read_schema(path: str | os.PathLike[str]) -> Any:
    """Reads a `GraphSchema` from its text form and validates it.

    Args:
        path: The `.pbtxt` file.

    Returns:
        The `tensorflow_gnn.GraphSchema` message.

    Raises:
        ValueError: If there is no such file or it is no valid schema.
        ImportError: See `load`.
    """
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
    """Finds in a schema the graph that an encoder sees.

    Args:
        schema: `GraphSchema`, or the path of its text form.
        node_set: Name of the node set; may be left out if there is only one.
        edge_set: Name of the edge set; may be left out if only one connects the
            node set to itself.
        features: Name or names of numeric node features; may be left out if the node
            set has only one floating feature.
        receiver: See `Layout`.

    Returns:
        The layout.

    Raises:
        ValueError: If the schema leaves a choice, or does not have what is named.
        ImportError: See `load`.

    Example:
    >>> layout("schema.pbtxt", receiver="source")  # doctest: +SKIP
    Layout(node_set='nodes', edge_set='edges', features=('features',), ...)
    """
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

    Args:
        parts: The layout.

    Returns:
        A `tensorflow_gnn.GraphSchema`.
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


@tf.autograph.experimental.do_not_convert
def parse(serialized: tf.Tensor, parts: Layout) -> dict[str, tf.Tensor]:
    """Parses serialized GraphTensors into the tensors that graph encoders take.

    Runs inside `tf.data` and in exported signatures.

    Args:
        serialized: String, `(batch,)`: `tf.train.Example`s that hold one graph each.
        parts: Where the graph is in them.

    Returns:
        `"features"` `(nodes, width)` float32 and `"edges"` `(edges, 2)` int32, rows
        (source, target), of all graphs one after the other, and `"graph"` `(nodes,)`
        int32, the place in the batch of each node's graph.

    Raises:
        tf.errors.InvalidArgumentError: When run, if a record is no such example, or
            an edge names a node that its graph does not have.
    """
    tfgnn = load()
    spec = tfgnn.create_graph_spec_from_schema_pb(narrow_schema(parts))
    return merge(tfgnn.parse_example(spec, serialized), parts)


@tf.autograph.experimental.do_not_convert
def merge(graphs: Any, parts: Layout) -> dict[str, tf.Tensor]:
    """Puts a batch of GraphTensors one after the other, as one graph's tensors.

    Args:
        graphs: `tensorflow_gnn.GraphTensor` of rank 1.
        parts: Where the graph is in them.

    Returns:
        See `parse`.
    """
    sizes = tf.cast(
        tf.reduce_sum(graphs.node_sets[parts.node_set].sizes, axis=-1), tf.int32
    )
    nodes = graphs.node_sets[parts.node_set]
    edge_set = graphs.edge_sets[parts.edge_set]
    ends = (edge_set.adjacency.source, edge_set.adjacency.target)
    # Checked before merging: afterwards what is too much or too little in one graph
    # would be another's, and a wrong edge would lead into it.
    checks = [
        _agree(values, of.sizes, f"{what} a graph has are not as many as its #size")
        for what, of, all_values in (
            ("Feature rows", nodes, [nodes[name] for name in parts.features]),
            ("Edges", edge_set, ends),
        )
        for values in all_values
    ]
    checks += [
        tf.debugging.Assert(
            tf.reduce_all(
                (end.values >= 0)
                & (tf.cast(end.values, tf.int32) < tf.repeat(sizes, end.row_lengths()))
            ),
            ["An edge names a node that its graph does not have; nodes:", sizes],
        )
        for end in ends
    ]
    with tf.control_dependencies(checks):
        flat = graphs.merge_batch_to_components()
        nodes = flat.node_sets[parts.node_set]
        adjacency = flat.edge_sets[parts.edge_set].adjacency
        columns = [
            tf.reshape(tf.cast(nodes[name], tf.float32), (-1, width))
            for name, width in zip(parts.features, parts.widths, strict=True)
        ]
        pair = (adjacency.source, adjacency.target)
        if parts.receiver == "source":
            pair = pair[::-1]
        return {
            "features": tf.concat(columns, axis=-1),
            "edges": tf.cast(tf.stack(pair, axis=-1), tf.int32),
            "graph": tf.repeat(tf.range(tf.size(sizes)), sizes),
        }


def _agree(values: tf.RaggedTensor, sizes: tf.Tensor, message: str) -> tf.Operation:
    counts = tf.cast(values.row_lengths(), tf.int32)
    wanted = tf.cast(tf.reduce_sum(sizes, axis=-1), tf.int32)
    return tf.debugging.Assert(
        tf.reduce_all(tf.equal(counts, wanted)), [message, counts, wanted]
    )
