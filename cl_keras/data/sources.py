# SPDX-License-Identifier: Apache-2.0
"""Data named by one string."""

from __future__ import annotations

from typing import Any, TypeAlias

from cl_keras.data.graphs.graph_data import GraphData
from cl_keras.data.images.image_data import ImageData
from cl_keras.data.readers import (
    ImageSize,
    height_width,
    read_graph,
    read_images,
    read_recordings,
    read_test_images,
)
from cl_keras.data.sequences.audio_records import load_audio_records
from cl_keras.data.sequences.sequence_data import SequenceData
from cl_keras.data.spec import modality_of, parse
from cl_keras.data.split_folders import split_folders

Data: TypeAlias = ImageData | SequenceData | GraphData


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

    Images: `digits` (scikit-learn's digit scans), `folder:PATH` (class folders give
    labels), `npz:PATH` (keys `images` and, optionally, `labels`), `tfrecord:PATH` (a
    file, a folder or a pattern; see `load_tfrecord`) and `tfds:NAME[:SPLIT]` (a set
    of TensorFlow Datasets, prepared on disk or downloaded). Recordings:
    `folder:PATH` where its files are WAV, FLAC or OGG. Graphs: `planetoid:NAME`,
    `tu:NAME`, `edges:PATH` (a table, or a folder with `edges.csv`) and `graph:PATH`
    (GraphTensor records with their schema). A relative path that does not exist is
    also looked for under the folder that the environment variable `CL_KERAS_DATA`
    names, and there under the kind's own name: `planetoid:cora` is found as
    `$CL_KERAS_DATA/planetoid/ind.cora.*`.

    Args:
        spec: The data string.
        image_size: Side of the square images wanted, or height and width. If None: 16
            for the digits, as stored in a `.npz`, and else the common size of the
            images, or 224 where they differ.
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
    kind, path = parse(spec)
    if kind == "folder" and (parts := split_folders(path)):
        raise ValueError(
            f"{path} is split into {parts[0].name}/ and {parts[1].name}/, which are "
            f"not classes. Use data.load_splits({spec!r}), or name one part, such as "
            f"folder:{parts[0]}"
        )
    found = modality_of(kind, path)
    for name, value, fits in (
        ("image_size", image_size, found == "image"),
        ("channels", channels, found == "image"),
        ("sample_rate", sample_rate, found == "audio"),
        ("pattern", pattern, kind == "folder"),
        ("label", label, kind == "folder" or found == "audio"),
    ):
        if value is not None and not fits:
            owner = {"image_size": "image", "channels": "image", "sample_rate": "audio"}
            whose = f"{owner[name]} data" if name in owner else "folders"
            raise ValueError(
                f"`{name}` is of {whose}, and {spec} is {found} data. "
                f"Received: {name}={value!r}"
            )
    if found == "audio":
        recordings = read_recordings(
            kind, path, sample_rate=sample_rate, pattern=pattern
        )
        return recordings if label is None else recordings.labelled(label)
    if found == "graph":
        return read_graph(kind, path)
    size = height_width(image_size)
    return read_images(kind, path, size, pattern, label).in_channels(channels)


def load_parts(
    spec: str,
    *,
    image_size: ImageSize = None,
    channels: int | None = None,
    sample_rate: int | None = None,
    pattern: str | None = None,
    label: str | None = None,
) -> dict[str, Data]:
    """Loads all that a data string names, part by part."""
    kind, path = parse(spec)
    options: dict[str, Any] = {"pattern": pattern, "label": label}
    if kind == "folder" and (parts := split_folders(path)):
        options |= {"image_size": image_size, "channels": channels}
        options["sample_rate"] = sample_rate
        train = load(f"folder:{parts[0]}", **options)
        if isinstance(train, SequenceData):
            options["sample_rate"] = train.sample_rate
        return {"train": train, "test": load(f"folder:{parts[1]}", **options)}
    whole = load(
        spec,
        image_size=image_size,
        channels=channels,
        sample_rate=sample_rate,
        pattern=pattern,
        label=label,
    )
    test: Data | None = None
    if isinstance(whole, ImageData):
        test = read_test_images(kind, path, whole.shape[:2], pattern, label)
        test = test and test.in_channels(channels)
    elif isinstance(whole, SequenceData) and kind == "tfrecord":
        test = load_audio_records(path, sample_rate=whole.sample_rate, part="test")
        if test is not None and label is not None:
            test = test.labelled(label)
    return {"": whole} if test is None else {"train": whole, "test": test}
