# SPDX-License-Identifier: Apache-2.0
"""Images that stay in files of records, read by row as training asks for them."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import numpy as np
import tensorflow as tf

from cl_keras.data.images.encoded_source import EncodedSource, each_row
from cl_keras.data.records.example import IMAGE_KEY
from cl_keras.data.records.index import RecordIndex
from cl_keras.registry import unknown


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class RecordImages(EncodedSource):
    """Encoded images in files of records; in memory are only their places and sizes.

    Args:
        name: Where the images come from.
        files: The files.
        places: `(count, 3)` int64: number of the file, offset and length of each
            serialized `tf.train.Example` in it, in bytes.
        sizes: `(count, 2)` int64, height and width of each image, in pixels.
        labels: `(count,)` int64, or None.
        class_names: Name of each label, or None.
        mapped: Whether to map the files into memory, as in `record_images`.
        skipped: Empty: what could not be used was left out when they were packed.
        pixels: None: they are decoded when they are needed.

    Example:
    >>> images = record_images("packed")  # doctest: +SKIP
    """

    name: str
    files: tuple[str, ...]
    places: np.ndarray
    sizes: np.ndarray
    labels: np.ndarray | None = None
    class_names: tuple[str, ...] | None = None
    mapped: bool = True
    skipped: tuple[str, ...] = ()
    pixels: None = None

    by_row = ("places", "sizes", "labels")

    def reader(self) -> Callable[[tf.Tensor], tf.Tensor]:
        """As `EncodedSource.reader`."""
        with tf.device("CPU"):
            places = tf.constant(self.places, tf.int64)
        read = _mapped(self.files) if self.mapped else _opened(self.files)
        return each_row(lambda row: _content(read(*tf.unstack(places[row], num=3))))


def record_images(
    path: str | os.PathLike[str],
    part: str = "train",
    *,
    checksums: bool = True,
    mapped: bool = True,
) -> RecordImages:
    """Opens images that `data.write_records` has packed, without loading them.

    Args:
        path: The folder.
        part: `"train"` (all images, where there are no parts) or `"test"`.
        checksums: Whether to read all files once to compare them with the index;
            without, only names and sizes are compared.
        mapped: Whether to map the files into memory (the operating system reads and
            forgets pages as they are needed). Without, each record is read by a
            dataset of its own, ten times slower for small images; this is for
            `data.distribute`, whose servers get a pipeline by its operations and
            would get all mapped files along.

    Returns:
        The images, for `data.encoded_two_views`, or by their `dataset`.

    Raises:
        ValueError: If there is no index or no such part, or a file is missing,
            truncated or another one.

    Example:
    >>> images = record_images("packed")  # doctest: +SKIP
    >>> data.encoded_two_views(images, augment.SimCLRImages(), 256)  # doctest: +SKIP
    """
    index = RecordIndex.find(path)
    if index is None:
        raise ValueError(
            "Expected a folder that data.write_records or `cl-keras pack` has written. "
            f"Received: {path}, without an index"
        )
    if index.modality != "image":
        raise ValueError(f"Expected images. Received: {index.modality} in {path}")
    if part not in ("train", "test"):
        raise unknown("part", part, ("train", "test"))
    shards = index.part(part)
    if not shards:
        raise ValueError(f"{path} has no {part} part.")
    index.verify(checksums=checksums)
    rows = index.positions()
    numbers = [index.shards.index(shard) for shard in shards]
    chosen = np.isin(rows["shard"], numbers)
    file = np.searchsorted(numbers, rows["shard"][chosen])
    labels = rows["label"][chosen] if "label" in rows else None
    return RecordImages(
        f"tfrecord:{path}",
        tuple(str(Path(index.folder, shard.record.path)) for shard in shards),
        np.stack([file, rows["offset"][chosen], rows["length"][chosen]], axis=1),
        rows["size"][chosen],
        labels,
        index.class_names.get("label"),
        mapped,
    )


Reader: TypeAlias = Callable[[tf.Tensor, tf.Tensor, tf.Tensor], tf.Tensor]


def _mapped(files: tuple[str, ...]) -> Reader:
    """Reads bytes of mapped files: what no page holds yet is read from disk."""
    with tf.device("CPU"):
        regions = [
            tf.raw_ops.ImmutableConst(
                dtype=tf.uint8, shape=[os.path.getsize(file)], memory_region_name=file
            )
            for file in files
        ]

    def read(file: tf.Tensor, offset: tf.Tensor, length: tf.Tensor) -> tf.Tensor:
        part = tf.switch_case(
            tf.cast(file, tf.int32),
            [
                lambda region=region: region[offset : offset + length]
                for region in regions
            ],
        )
        # No operation makes a string of bytes; but a serialized tensor ends with them.
        size = tf.cast(length, tf.int32)
        return tf.strings.substr(tf.io.serialize_tensor(part), -size, size)

    return read


def _opened(files: tuple[str, ...]) -> Reader:
    with tf.device("CPU"):
        names = tf.constant(list(files))
        ends = tf.constant([os.path.getsize(file) for file in files], tf.int64)

    def read(file: tf.Tensor, offset: tf.Tensor, length: tf.Tensor) -> tf.Tensor:
        # The one record of this length between what comes before and after it.
        return tf.data.FixedLengthRecordDataset(
            names[file],
            record_bytes=length,
            header_bytes=offset,
            footer_bytes=ends[file] - offset - length,
            buffer_size=length,
        ).get_single_element()

    return read


def _content(serialized: tf.Tensor) -> tf.Tensor:
    features = {IMAGE_KEY: tf.io.FixedLenFeature((), tf.string)}
    return tf.io.parse_single_example(serialized, features)[IMAGE_KEY]
