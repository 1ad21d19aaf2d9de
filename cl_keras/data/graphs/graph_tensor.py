# SPDX-License-Identifier: Apache-2.0
"""Reads graphs as TensorFlow GNN keeps them: GraphTensor records and a GraphSchema.

A folder holds TFRecord files, a `tf.train.Example` for each graph, and one schema in
text form (`.pbtxt`), as TF-GNN's samplers and converters write them, and as
`write_graph_tensors` does. The functions here need the extra `graph`; importing this
file does not.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from cl_keras import check, gnn
from cl_keras.data.graphs.batches import Batch
from cl_keras.data.graphs.graph_data import GraphData
from cl_keras.data.graphs.graph_writer import CLASS_NAMES, LABEL, SCHEMA_FILE, SPLIT
from cl_keras.data.order import endless
from cl_keras.data.records.files import record_files, whole_records
from cl_keras.operation_error import brief
from cl_keras.seeds import check_seed
from cl_keras.untuned import ahead, untuned


def graph_tensor_batches(
    path: str | os.PathLike[str],
    batch_size: int,
    *,
    layout: gnn.Layout | None = None,
    rooted: bool = False,
    stacked: bool = False,
    shuffle: bool = True,
    shuffle_buffer: int = 1_000,
    seed: int = 0,
    drop_remainder: bool = False,
    repeat: bool = False,
) -> tf.data.Dataset:
    """Builds the training pipeline of graphs in GraphTensor records.

    Args:
        path: Folder of TFRecord files and a schema, or one TFRecord file beside it.
        batch_size: Graphs in a batch.
        layout: Where the graph is in the records: `cl_keras.gnn.layout(schema, ...)`,
            for schemas that leave a choice, or for subgraphs whose seeds receive at
            the source. If None, what the folder's schema allows.
        rooted: Whether the first node of each graph is the one that the graph was
            sampled around: adds `"target"` `(nodes,)` bool, True for these.
        stacked: Whether each graph is a row of its own, filled up, as in
            `graph_batches`: for training on several replicas.
        shuffle: Whether to draw a new order of files and graphs for each epoch.
        shuffle_buffer: Graphs among which is shuffled.
        seed: Seed of the order; with `repeat` it alone decides it.
        drop_remainder: Whether to leave out a last batch that is not full.
        repeat: Whether to go on without end; then give `fit` its `steps_per_epoch`.

    Returns:
        A dataset of dicts of `"features"` `(nodes, F)` float32, `"edges"` `(edges, 2)`
        int32, rows (source, target), and `"graph"` `(nodes,)` int32, which graph of
        the batch a node is in; or stacked ones. A record that is broken, or an edge
        that names a node its graph does not have, raises `tf.errors.OpError` when it
        is read.

    Raises:
        ValueError: If the folder holds no records or no schema, or leaves a choice.
        ImportError: If TensorFlow GNN cannot be imported.

    Example:
    >>> path = write_graph_tensors(graphs, "mutag")  # doctest: +SKIP
    >>> for batch in graph_tensor_batches(path, 32):  # doctest: +SKIP
    ...     encoder({"features": batch["features"], "edges": batch["edges"]})
    """
    check.at_least(1, batch_size=batch_size)
    files = _record_files(path)
    parts = _layout(find_schema(path)) if layout is None else layout
    if not shuffle:
        records = tf.data.TFRecordDataset(files)
        records = records.repeat() if repeat else records
    elif repeat:
        records = endless(
            lambda own: _shuffled(files, shuffle_buffer, own, False), seed
        )
    else:
        records = _shuffled(files, shuffle_buffer, check_seed(seed), True)

    def read(serialized: tf.Tensor) -> Batch:
        batch: Batch = gnn.parse(serialized, parts)
        if rooted:
            # A node whose graph is another than that of the node before it.
            before = tf.concat([[-1], batch["graph"][:-1]], axis=0)
            batch["target"] = tf.not_equal(batch["graph"], before)
        return batch

    def single(serialized: tf.Tensor) -> Batch:
        batch = read(serialized[tf.newaxis])
        batch["mask"] = tf.ones_like(batch.pop("graph"), tf.bool)
        return batch

    if not stacked:
        dataset = records.batch(batch_size, drop_remainder=drop_remainder)
        dataset = dataset.map(read, num_parallel_calls=tf.data.AUTOTUNE)
        return ahead(dataset)
    fill = {"features": 0.0, "edges": -1, "mask": False, "target": False}
    dataset = records.map(single, num_parallel_calls=tf.data.AUTOTUNE)
    dataset = dataset.padded_batch(
        batch_size,
        padding_values={key: fill[key] for key in dataset.element_spec},
        drop_remainder=drop_remainder,
    )
    return ahead(dataset)


def load_graph_tensors(
    path: str | os.PathLike[str],
    *,
    layout: gnn.Layout | None = None,
    label: str = LABEL,
) -> GraphData:
    """Loads the graphs in GraphTensor records into memory.

    Args:
        path: As in `graph_tensor_batches`.
        layout: As in `graph_tensor_batches`.
        label: Name of the integer feature, of the nodes or of the context, that
            holds the labels; there need not be one.

    Returns:
        The graphs, in the order of files and records.

    Raises:
        ValueError: If the folder is not as above or a record is broken.
        ImportError: If TensorFlow GNN cannot be imported.

    Example:
    >>> load_graph_tensors("mutag").graphs  # doctest: +SKIP
    188
    """
    tfgnn = gnn.load()
    files = _record_files(path)
    file = find_schema(path)
    parts = _layout(file) if layout is None else layout
    schema = gnn.read_schema(file)
    nodes = schema.node_sets[parts.node_set]
    wanted = gnn.narrow_schema(parts)
    for name in (label, SPLIT):
        if name in nodes.features:
            _check_scalar(name, nodes.features[name], name == SPLIT, file)
            wanted.node_sets[parts.node_set].features[name].CopyFrom(
                nodes.features[name]
            )
    if label in schema.context.features:
        _check_scalar(label, schema.context.features[label], False, file)
        wanted.context.features[label].CopyFrom(schema.context.features[label])
    spec = tfgnn.create_graph_spec_from_schema_pb(wanted)

    @tf.autograph.experimental.do_not_convert
    def read(batch: tf.Tensor) -> dict[str, tf.Tensor]:
        graphs = tfgnn.parse_example(spec, gnn.complete(batch, parts))
        flat = graphs.merge_batch_to_components()
        found = gnn.merge(graphs, parts)
        for name in (label, SPLIT):
            if name in wanted.node_sets[parts.node_set].features:
                found[f"node_{name}"] = flat.node_sets[parts.node_set][name]
        if label in wanted.context.features:
            found["graph_label"] = flat.context[label]
        found["count"] = tf.reshape(tf.size(batch), (1,))
        return found

    # A prime number of records at a time; how many does not matter.
    dataset = untuned(tf.data.TFRecordDataset(files).batch(127).map(read))
    try:
        batches = list(dataset.as_numpy_iterator())
    except tf.errors.OpError as error:
        raise ValueError(
            f"Expected GraphTensor records of the schema in {os.fspath(path)}: "
            f"{brief(error)}"
        ) from error
    if not batches:
        raise ValueError(f"Expected at least one graph in {os.fspath(path)}.")
    return _collect(f"graph:{os.fspath(path)}", batches, label, _class_names(nodes))


def _layout(schema: Path) -> gnn.Layout:
    try:
        return gnn.layout(schema)
    except ValueError as error:
        said = str(error)
        raise ValueError(
            said if str(schema) in said else f"{schema}: {said}"
        ) from error


def _check_scalar(name: str, feature: Any, text: bool, file: Path) -> None:
    dtype = tf.dtypes.as_dtype(feature.dtype)
    fits = dtype == tf.string if text else dtype.is_integer
    if not fits or len(feature.shape.dim):
        raise ValueError(
            f"Expected {name!r} in {file} to be {'a string' if text else 'an integer'} "
            f"each. Received: {dtype.name} {[dim.size for dim in feature.shape.dim]}"
        )


def _collect(
    name: str,
    batches: list[dict[str, np.ndarray]],
    label: str,
    class_names: tuple[str, ...] | None,
) -> GraphData:
    def joined(key: str, dtype: Any) -> np.ndarray | None:
        if key not in batches[0]:
            return None
        return np.concatenate([batch[key] for batch in batches]).astype(dtype)

    counts = [len(batch["features"]) for batch in batches]
    starts = np.cumsum([0, *counts[:-1]])
    edges = [b["edges"] + start for b, start in zip(batches, starts, strict=True)]
    graphs = [int(batch["count"][0]) for batch in batches]
    firsts = np.cumsum([0, *graphs[:-1]])
    ids = [b["graph"] + first for b, first in zip(batches, firsts, strict=True)]
    names = joined(f"node_{SPLIT}", object)
    splits = None
    if names is not None:
        splits = {
            part.decode(): np.flatnonzero(names == part)
            for part in dict.fromkeys(names.tolist())
            if part
        }
    return GraphData(
        name,
        joined("features", np.float32),
        np.concatenate(edges),
        labels=joined(f"node_{label}", np.int64),
        class_names=class_names,
        splits=splits,
        graph_ids=np.concatenate(ids).astype(np.int64) if sum(graphs) > 1 else None,
        graph_labels=joined("graph_label", np.int64),
    )


def _class_names(nodes: Any) -> tuple[str, ...] | None:
    for note in nodes.metadata.extra:
        if note.key == CLASS_NAMES:
            return tuple(json.loads(note.value))
    return None


def find_schema(path: str | os.PathLike[str]) -> Path:
    """Finds the schema of a folder of records, or beside one of its files."""
    folder = Path(path)
    folder = folder if folder.is_dir() else folder.parent
    found = sorted(folder.glob("*.pbtxt"))
    if len(found) > 1 and folder / SCHEMA_FILE in found:
        return folder / SCHEMA_FILE
    if len(found) != 1:
        names = ", ".join(p.name for p in found) or "none"
        raise ValueError(
            f"Expected one GraphSchema (.pbtxt) in {folder}, or one named "
            f"{SCHEMA_FILE}. Received: {names}"
        )
    return found[0]


def _record_files(path: str | os.PathLike[str]) -> list[str]:
    files = [str(file) for file in record_files(Path(path))]
    if not files:
        received = "none" if Path(path).is_dir() else "no such folder or file"
        raise ValueError(
            "Expected TFRecord files (*.tfrecord, *.tfrecord-00000-of-00001) in "
            f"{path}. Received: {received}"
        )
    for file in files:
        count, beyond = whole_records(file)
        if beyond:
            raise ValueError(f"Record {count} of {file} is {beyond}.")
    return files


def _shuffled(
    files: list[str], buffer: int, seed: int | tf.Tensor, anew: bool
) -> tf.data.Dataset:
    """The records in an order of the seed, of another one each time if `anew`."""
    names = tf.data.Dataset.from_tensor_slices(files)
    names = names.shuffle(len(files), seed=seed, reshuffle_each_iteration=anew)
    records = names.interleave(tf.data.TFRecordDataset, cycle_length=16)
    return records.shuffle(buffer, seed=seed, reshuffle_each_iteration=anew)
