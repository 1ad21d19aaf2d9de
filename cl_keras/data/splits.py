# SPDX-License-Identifier: Apache-2.0
"""A training part and a test part of the data that a string names."""

from __future__ import annotations

from typing import Any

from cl_keras.data.images.image_data import ImageData
from cl_keras.data.readers import (
    ImageSize,
    height_width,
    read_images,
    read_recordings,
    read_test_images,
)
from cl_keras.data.sequences.audio import load_audio
from cl_keras.data.sequences.audio_records import load_audio_records
from cl_keras.data.sequences.sequence_data import SequenceData
from cl_keras.data.shared_classes import share_classes
from cl_keras.data.spec import parse
from cl_keras.data.split_folders import split_folders


def load_splits(
    spec: str,
    test_spec: str | None = None,
    *,
    image_size: ImageSize = None,
    channels: int | None = None,
    seed: int = 0,
    pattern: str | None = None,
    label: str | None = None,
) -> tuple[ImageData, ImageData]:
    """Loads a training part and a test part that shares no image with it.

    The test part is, in this order: what `test_spec` names; the `test/`, `val/` or
    `validation/` folder beside a `train/` folder; the test part of a `.npz`, of record
    files or of a set of TensorFlow Datasets; 20 % of the images, held out class by
    class.

    Args:
        spec: The training data, as in `load`.
        test_spec: The test data, as in `load`, or None.
        image_size: Side of the square images wanted, or height and width, as in `load`.
        channels: 1 for grey images, 3 for RGB, as in `load`.
        seed: Seed of the hold-out.
        pattern: Labels in the names of the files of a folder, as in `load`.
        label: The group of `pattern` that gives the labels, as in `load`.

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
    kind, path = parse(spec)
    for name, value in (("pattern", pattern), ("label", label)):
        if value is not None and kind != "folder":
            raise ValueError(
                f"`{name}` is of folders. Received: {name}={value!r} with {spec}"
            )
    train = read_images(kind, path, height_width(image_size), pattern, label)
    # The test images follow the training images, where their own size differs.
    size = train.shape[:2]
    if test_spec is None:
        test = read_test_images(kind, path, size, pattern, label)
        if test is None:
            return train.in_channels(channels).split(0.2, seed)
    else:
        test_kind, test_path = parse(test_spec)
        test = read_test_images(test_kind, test_path, size, pattern, label)
        if test is None:
            if (test_kind, test_path.resolve()) == (kind, path.resolve()):
                raise ValueError(
                    "Expected test data other than the training data. Leave "
                    "`test_spec` out to hold 20 % out. Received: "
                    f"{test_spec!r} for both"
                )
            test = read_images(test_kind, test_path, size, pattern, label)
    train, test = train.in_channels(channels), test.in_channels(channels)
    _check_match(train, test)
    return share_classes(train, test)


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
    20 %, held out class by class.

    Args:
        spec: `folder:PATH` or `tfrecord:PATH`, as in `load`.
        test_spec: The test data, as in `load`, or None.
        seed: Seed of the hold-out.
        label: The kind of labels that warnings about classes are of; by default all.
        **options: `sample_rate` and `pattern`, as in `load_audio`.

    Returns:
        Training part and test part, of the same sample rate.

    Raises:
        ValueError: If the data is not understood or has no recordings.
    """
    kind, path = parse(spec)
    parts = split_folders(path) if kind == "folder" else None
    train = read_recordings(kind, parts[0] if parts else path, **options)
    options["sample_rate"] = train.sample_rate
    own: SequenceData | None = None
    if parts:
        own = load_audio(parts[1], **options)
    elif kind == "tfrecord":
        own = load_audio_records(path, sample_rate=train.sample_rate, part="test")
    if test_spec is not None:
        test = read_recordings(*parse(test_spec), **options)
    elif own is not None:
        test = own
    else:
        return train.split(0.2, seed)
    return share_classes(train, test, label)


def _check_match(train: ImageData, test: ImageData) -> None:
    if train.shape != test.shape:
        raise ValueError(
            "Expected training and test images of the same shape. Received: "
            f"{train.shape} in {train.name}, {test.shape} in {test.name}"
        )
