# SPDX-License-Identifier: Apache-2.0
"""Data named by one string."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from cl_keras.data.graphs.edge_list import load_edge_list
from cl_keras.data.graphs.graph_data import GraphData
from cl_keras.data.graphs.graph_tensor import load_graph_tensors
from cl_keras.data.graphs.planetoid import load_planetoid
from cl_keras.data.graphs.tu import load_tu
from cl_keras.data.images.digits import load_digits
from cl_keras.data.images.folder import load_folder, split_folders
from cl_keras.data.images.image_data import ImageData
from cl_keras.data.images.npz import load_npz
from cl_keras.data.images.tfds import load_tfds
from cl_keras.data.images.tfrecord import load_tfrecord
from cl_keras.data.sequences.audio import load_audio
from cl_keras.data.sequences.audio_records import load_audio_records
from cl_keras.data.sequences.sequence_data import SequenceData
from cl_keras.data.spec import modality_of, parse

Data: TypeAlias = ImageData | SequenceData | GraphData


def load(
    spec: str,
    *,
    image_size: int | None = None,
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
        image_size: Side of the square images wanted. If None: 16 for the digits, as
            stored in a `.npz`, and else the common size of the images, or 224 where
            they differ.
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
        ("sample_rate", sample_rate, found == "audio"),
        ("pattern", pattern, kind == "folder"),
        ("label", label, kind == "folder" or found == "audio"),
    ):
        if value is not None and not fits:
            owner = {"image_size": "image data", "sample_rate": "audio data"}
            raise ValueError(
                f"`{name}` is of {owner.get(name, 'folders')}, and {spec} is {found} "
                f"data. Received: {name}={value!r}"
            )
    if found == "audio":
        recordings = _load_recordings(
            kind, path, sample_rate=sample_rate, pattern=pattern
        )
        return recordings if label is None else recordings.labelled(label)
    if found == "graph":
        return _load_graph(kind, path)
    return _load(kind, path, _square(image_size), pattern, label)


def _load_graph(kind: str, path: Path) -> GraphData:
    if kind == "planetoid":
        return load_planetoid(path.parent, path.name)
    readers = {"tu": load_tu, "edges": load_edge_list, "graph": load_graph_tensors}
    return readers[kind](path)


def _load_recordings(kind: str, path: Path, **options: Any) -> SequenceData:
    if kind == "folder":
        return load_audio(path, **options)
    if options.pop("pattern", None) is not None:
        raise ValueError(f"`pattern` is of folders. Received: one for {path}")
    found = load_audio_records(path, **options)
    if found is None:
        raise ValueError(f"Found no recordings in {path}.")
    return found


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
        label: The kind of label whose classes must be the same in both parts; by
            default all kinds must.
        **options: `sample_rate` and `pattern`, as in `load_audio`.

    Returns:
        Training part and test part, of the same sample rate.

    Raises:
        ValueError: If the data is not understood or has no recordings.
    """
    kind, path = parse(spec)
    parts = split_folders(path) if kind == "folder" else None
    train = _load_recordings(kind, parts[0] if parts else path, **options)
    options["sample_rate"] = train.sample_rate
    own: SequenceData | None = None
    if parts:
        own = load_audio(parts[1], **options)
    elif kind == "tfrecord":
        own = load_audio_records(path, sample_rate=train.sample_rate, part="test")
    if test_spec is not None:
        test = _load_recordings(*parse(test_spec), **options)
    elif own is not None:
        test = own
    else:
        return train.split(0.2, seed)
    # Of other kinds, such as the number of a recording, each part may have its own.
    names = [
        part.class_names.get(label)
        if label is not None and isinstance(part.class_names, Mapping)
        else part.class_names
        for part in (train, test)
    ]
    if names[0] != names[1]:
        raise ValueError(
            "Expected training and test recordings with the same classes. "
            f"Received: {names[0]} and {names[1]}"
        )
    return train, test


def load_splits(
    spec: str,
    test_spec: str | None = None,
    *,
    image_size: int | None = None,
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
        image_size: Side of the square images wanted, as in `load`.
        seed: Seed of the hold-out.
        pattern: Labels in the names of the files of a folder, as in `load`.
        label: The group of `pattern` that gives the labels, as in `load`.

    Returns:
        Training part and test part, with images of the same shape and the same
        classes.

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
    train = _load(kind, path, _square(image_size), pattern, label)
    # The test images follow the training images, where their own size differs.
    size = train.shape[:2]
    if test_spec is None:
        test = _load_test(kind, path, size, pattern, label)
        if test is None:
            return train.split(0.2, seed)
    else:
        test_kind, test_path = parse(test_spec)
        test = _load_test(test_kind, test_path, size, pattern, label)
        if test is None:
            if (test_kind, test_path.resolve()) == (kind, path.resolve()):
                raise ValueError(
                    "Expected test data other than the training data. Leave "
                    "`test_spec` out to hold 20 % out. Received: "
                    f"{test_spec!r} for both"
                )
            test = _load(test_kind, test_path, size, pattern, label)
    _check_match(train, test)
    return train, test


def load_parts(
    spec: str,
    *,
    image_size: int | None = None,
    sample_rate: int | None = None,
    pattern: str | None = None,
    label: str | None = None,
) -> dict[str, Data]:
    """Loads all that a data string names, part by part.

    Args:
        spec: As in `load`.
        image_size: As in `load`.
        sample_rate: As in `load`.
        pattern: As in `load`.
        label: As in `load`.

    Returns:
        `"train"` and `"test"` where the data has these parts, else everything under
        an empty name.

    Raises:
        ValueError: If the data is not understood.

    Example:
    >>> len(load_parts("digits")[""])
    1797
    """
    kind, path = parse(spec)
    options: dict[str, Any] = {"pattern": pattern, "label": label}
    if kind == "folder" and (parts := split_folders(path)):
        options |= {"image_size": image_size, "sample_rate": sample_rate}
        names = ("train", "test")
        return {
            name: load(f"folder:{part}", **options)
            for name, part in zip(names, parts, strict=True)
        }
    whole = load(
        spec,
        image_size=image_size,
        sample_rate=sample_rate,
        pattern=pattern,
        label=label,
    )
    test: Data | None = None
    if isinstance(whole, ImageData):
        test = _load_test(kind, path, whole.shape[:2], pattern, label)
    elif isinstance(whole, SequenceData) and kind == "tfrecord":
        test = load_audio_records(path, sample_rate=whole.sample_rate, part="test")
        if test is not None and label is not None:
            test = test.labelled(label)
    return {"": whole} if test is None else {"train": whole, "test": test}


# Readers of sets that may know a test part of their own.
_WITH_PARTS: dict[str, Callable[..., ImageData | None]] = {
    "npz": load_npz,
    "tfds": lambda path, size, **part: load_tfds(str(path), size, **part),
    "tfrecord": load_tfrecord,
}


def _square(image_size: int | None) -> tuple[int, int] | None:
    if image_size is None:
        return None
    if image_size < 1:
        raise ValueError(
            f"Expected `image_size` to be positive. Received: image_size={image_size}"
        )
    return image_size, image_size


def _load(
    kind: str,
    path: Path,
    size: tuple[int, int] | None,
    pattern: str | None,
    label: str | None,
) -> ImageData:
    """The training part, or all images where there are no parts."""
    if kind == "digits":
        return load_digits(size)
    if kind == "folder":
        parts = split_folders(path)
        folder = parts[0] if parts else path
        return load_folder(folder, size, pattern=pattern, label=label)
    data = _WITH_PARTS[kind](path, size)
    if data is None:
        raise ValueError(f"Found no images in {path}.")
    return data


def _load_test(
    kind: str,
    path: Path,
    size: tuple[int, int],
    pattern: str | None,
    label: str | None,
) -> ImageData | None:
    """The test part that the data itself offers, or None."""
    if kind == "folder" and (parts := split_folders(path)):
        return load_folder(parts[1], size, pattern=pattern, label=label)
    if kind in _WITH_PARTS:
        return _WITH_PARTS[kind](path, size, part="test")
    return None


def _check_match(train: ImageData, test: ImageData) -> None:
    if train.shape != test.shape:
        raise ValueError(
            "Expected training and test images of the same shape. Received: "
            f"{train.shape} in {train.name}, {test.shape} in {test.name}"
        )
    if train.class_names != test.class_names:
        only_train = sorted(set(train.class_names or ()) - set(test.class_names or ()))
        only_test = sorted(set(test.class_names or ()) - set(train.class_names or ()))
        raise ValueError(
            "Expected training and test data with the same classes. "
            f"Only in {train.name}: {only_train}. Only in {test.name}: {only_test}."
        )
    if (train.labels is None) != (test.labels is None):
        raise ValueError(
            "Expected labels in both or in none of training and test data. Received: "
            f"labels only in {(test if train.labels is None else train).name}"
        )
