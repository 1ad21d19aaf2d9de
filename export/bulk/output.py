# SPDX-License-Identifier: Apache-2.0
"""The file of one shard of features: Parquet, or records of tf.train.Example."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

import numpy as np
import tensorflow as tf

from cl_keras import extras
from cl_keras.export.bulk.job import Row, ShardJob
from cl_keras.export.bulk.table import column, feature_table


def write_features(
    job: ShardJob,
    file: BinaryIO,
    blocks: Iterator[tuple[list[Row], np.ndarray]],
    width: int,
) -> None:
    """Writes the features of a shard as they come."""
    write = _write_parquet if job.output == "parquet" else _write_records
    write(job, file, blocks, width)


def _table(job: ShardJob, rows: Sequence[Row], features: np.ndarray) -> Any:
    return feature_table(
        [row.id for row in rows],
        features,
        {kind: [row.labels[kind] for row in rows] for kind in job.kinds},
        {kind: [row.classes[kind] for row in rows] for kind in job.class_names},
        facts={
            **job.facts,
            "class_names": {
                kind: list(names) for kind, names in job.class_names.items()
            },
        },
    )


def _write_parquet(
    job: ShardJob,
    file: BinaryIO,
    blocks: Iterator[tuple[list[Row], np.ndarray]],
    width: int,
) -> None:
    parquet = extras.require("pyarrow.parquet", extra="parquet")
    empty = _table(job, [], np.zeros((0, width), np.float32))
    with parquet.ParquetWriter(file, empty.schema) as writer:
        writer.write_table(empty)
        for rows, features in blocks:
            writer.write_table(_table(job, rows, features))


def _write_records(
    job: ShardJob,
    file: BinaryIO,
    blocks: Iterator[tuple[list[Row], np.ndarray]],
    width: int,
) -> None:
    # TensorFlow writes to a path, and knows fewer file systems than Beam.
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "records")
        with tf.io.TFRecordWriter(path) as writer:
            for rows, features in blocks:
                for row, vector in zip(rows, features, strict=True):
                    writer.write(_example(job, row, vector).SerializeToString())
        with open(path, "rb") as source:
            shutil.copyfileobj(source, file)


def _example(job: ShardJob, row: Row, vector: np.ndarray) -> tf.train.Example:
    def text(value: str) -> tf.train.Feature:
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value.encode()]))

    features = {
        "id": text(row.id),
        "features": tf.train.Feature(
            float_list=tf.train.FloatList(value=vector.tolist())
        ),
    }
    for kind in job.kinds:
        if (label := row.labels[kind]) is not None:
            features[column("label", kind)] = tf.train.Feature(
                int64_list=tf.train.Int64List(value=[label])
            )
        if (name := row.classes[kind]) is not None:
            features[column("class", kind)] = text(name)
    return tf.train.Example(features=tf.train.Features(feature=features))
