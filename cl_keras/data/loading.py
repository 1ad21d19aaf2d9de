# SPDX-License-Identifier: Apache-2.0
"""Loads the data that strings name."""

from __future__ import annotations

from typing import Any

import numpy as np

from cl_keras.data.images.image_data import ImageData
from cl_keras.data.images.own_size import ImageSize
from cl_keras.data.opening import open
from cl_keras.data.sequences.sequence_data import SequenceData
from cl_keras.data.shared_classes import share_classes
from cl_keras.data.source import Data, Source, like
from cl_keras.data.test_part import hold_out_fifth, read_test_part, uncut

# What reads a training part and a test part.
_READ_BY = {"image": "load_splits", "audio": "load_sequence_splits"}


def load(
    spec: str,
    *,
    image_size: ImageSize = None,
    channels: int | None = None,
    sample_rate: int | None = None,
    pattern: str | None = None,
    label: str | None = None,
) -> Data:
    r"""Loads what a data string names: images, recordings or graphs.

    Images: `digits` (scikit-learn's digit scans), `scattered_digits` (these at random
    places, sizes and angles), `folder:PATH` (class folders give labels), `npz:PATH`
    (keys `images` and, optionally, `labels`), `tfrecord:PATH` (a file, a folder or a
    pattern; see `load_tfrecord`) and `tfds:NAME[:SPLIT]` (a set of TensorFlow Datasets,
    prepared on disk or downloaded). Recordings: `folder:PATH` where its files are WAV,
    FLAC or OGG. Graphs: `planetoid:NAME`, `tu:NAME`, `edges:PATH` (a table, or a folder
    with `edges.csv`) and `graph:PATH` (GraphTensor records with their schema). A
    relative path that does not exist is also looked for under the folder that the
    environment variable `CL_KERAS_DATA` names, and there under the kind's own name:
    `planetoid:cora` is found as `$CL_KERAS_DATA/planetoid/ind.cora.*`.

    Args:
        spec: The data string.
        image_size: Side of the square images wanted, or height and width. If None: 16
            for the digits, 32 for the scattered ones, as stored in a `.npz`, and else
            the common size of the images, or 224 where they differ.
        channels: 1 for grey images (luma), 3 for RGB, as `ImageData.in_channels` makes
            them. If None: RGB of files, and else as stored.
        sample_rate: Samples a second of recordings, as in `load_audio`.
        pattern: Labels in the names of the files of a folder: a regular expression
            with named groups, as in `load_audio`.
        label: The group of `pattern` that gives the labels. Images need it where
            there are several groups; recordings have all kinds of labels without it.

    Returns:
        `ImageData`, `SequenceData` or `GraphData`; of images with a test part, the
        training part.

    Raises:
        ValueError: If the string or the data is not understood.

    Example:
    >>> data = load("digits")
    >>> len(data), data.shape
    (1797, (16, 16, 1))
    """
    source = open(spec, pattern=pattern, label=label)
    if source.split is not None:
        train, test = source.split.train, source.split.test
        raise ValueError(
            f"{source.path} is split into {train.name}/ and {test.name}/, which are "
            f"not classes. Use data.load_splits({spec!r}), or name one part, such as "
            f"folder:{train}"
        )
    found: Any = source.load(
        image_size=image_size, channels=channels, sample_rate=sample_rate
    )
    return found


def load_splits(
    spec: str,
    test_spec: str | None = None,
    *,
    image_size: ImageSize = None,
    channels: int | None = None,
    seed: int = 0,
    pattern: str | None = None,
    label: str | None = None,
    group: str | None = None,
) -> tuple[ImageData, ImageData]:
    """Loads a training part and a test part that shares no image with it.

    The test part is, in this order: what `test_spec` names; the `test/`, `val/` or
    `validation/` folder beside a `train/` folder; the test part of a `.npz`, of record
    files or of a set of TensorFlow Datasets; 20 % of the images, held out class by
    class, or of the values of `group`.

    Args:
        spec: The training data, as in `load`.
        test_spec: The test data, as in `load`, or None.
        image_size: Side of the square images wanted, or height and width, as in `load`.
        channels: 1 for grey images, 3 for RGB, as in `load`.
        seed: Seed of the hold-out.
        pattern: Labels in the names of the files of a folder, as in `load`.
        label: The group of `pattern` that gives the labels, as in `load`.
        group: The group of `pattern`, such as the person, whose values stay in one part
            each when some images are held out.

    Returns:
        Training part and test part, with images of the same shape, and one numbering
        of their classes.

    Raises:
        ValueError: If the data is not understood or the parts do not match.

    Example:
    >>> train, test = load_splits("digits")
    >>> len(train), len(test)
    (1438, 359)
    """
    rules = {"pattern": pattern, "label": label, "group": group}
    return split_images(
        open(spec, **rules), test_spec, seed, image_size=image_size, channels=channels
    )


def load_sequence_splits(
    spec: str,
    test_spec: str | None = None,
    *,
    seed: int = 0,
    label: str | None = None,
    **options: Any,
) -> tuple[SequenceData, SequenceData]:
    """Loads recordings to train on and others to test with.

    The test part is, in this order: what `test_spec` names; the `test/`, `val/` or
    `validation/` folder beside a `train/` folder, or the test part of packed records;
    20 %, held out class by class, or of the values of `group`.

    Args:
        spec: `folder:PATH` or `tfrecord:PATH`, as in `load`.
        test_spec: The test data, as in `load`, or None.
        seed: Seed of the hold-out.
        label: The kind of labels that warnings about classes are of; by default all.
        **options: `sample_rate` and `pattern`, as in `load_audio`, and `group`, as in
            `load_splits`.

    Returns:
        Training part and test part, of the same sample rate.

    Raises:
        ValueError: If the data is not understood or has no recordings.
    """
    rules = {name: options.pop(name, None) for name in ("pattern", "group")}
    source = open(spec, **rules)
    return split_recordings(source, test_spec, seed, label, **options)


def split_images(
    source: Source, test_spec: str | None, seed: int, **options: Any
) -> tuple[ImageData, ImageData]:
    """Reads images to train on and to test with, of one shape."""
    train, test = _splits(source, test_spec, "image", options)
    if test is None:
        return hold_out_fifth(source, train, seed)
    if train.shape != test.shape:
        raise ValueError(
            "Expected training and test images of the same shape. Received: "
            f"{train.shape} in {train.name}, {test.shape} in {test.name}"
        )
    return share_classes(train, test)


def split_recordings(
    source: Source,
    test_spec: str | None,
    seed: int,
    label: str | None = None,
    **options: Any,
) -> tuple[SequenceData, SequenceData]:
    """Reads recordings to train on and to test with, of one sample rate."""
    train, test = _splits(source, test_spec, "audio", options)
    if test is None:
        return hold_out_fifth(source, train, seed)
    return share_classes(train, test, label)


def split_series(
    source: Source, test_spec: str | None, seed: int, **options: Any
) -> tuple[SequenceData, SequenceData, SequenceData]:
    """Reads whole series to train on, and windows of these and of others to score."""
    series: Any = uncut(source).load(**options)
    if test_spec is not None:
        return series, *split_recordings(source, test_spec, seed, **options)
    if len(series) < 2:
        raise ValueError(
            "Expected series of which a fifth can be held out whole, or test data of "
            f"its own. Received: one series in {source.spec}; with data.train_cut=true "
            "its windows are trained on, and others of them tested with"
        )
    series, held_out = hold_out_fifth(uncut(source), series, seed)
    windows: Any = source.load(**like(series, options))
    files = [name.rpartition("@")[0] for name in windows.ids]
    parts = (windows.take(np.isin(files, part.ids)) for part in (series, held_out))
    return series, *parts  # type: ignore[return-value]


def _splits(
    source: Source, test_spec: str | None, modality: str, options: dict[str, Any]
) -> tuple[Any, Any]:
    train = _of(source, modality).load(**options)
    options = like(train, options)
    test = read_test_part(
        source, test_spec, lambda x, part: _of(x, modality).load(part, **options)
    )
    return train, test


def _of(source: Source, modality: str) -> Any:
    if source.modality != modality:
        unit = {"image": "images", "audio": "recordings"}[modality]
        other = _READ_BY.get(source.modality, "load")
        raise ValueError(
            f"Expected {unit}. Received: {source.spec}, which is {source.modality} "
            f"data: data.{other} reads it"
        )
    return source
