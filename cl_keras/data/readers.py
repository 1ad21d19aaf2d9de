# SPDX-License-Identifier: Apache-2.0
"""The reader of each kind of data string."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

from cl_keras.data.graphs.edge_list import load_edge_list
from cl_keras.data.graphs.graph_data import GraphData
from cl_keras.data.graphs.graph_tensor import load_graph_tensors
from cl_keras.data.graphs.planetoid import load_planetoid
from cl_keras.data.graphs.tu import load_tu
from cl_keras.data.images.digits import load_digits
from cl_keras.data.images.folder import load_folder
from cl_keras.data.images.image_data import ImageData
from cl_keras.data.images.npz import load_npz
from cl_keras.data.images.tfds import load_tfds
from cl_keras.data.images.tfrecord import load_tfrecord
from cl_keras.data.sequences.audio import load_audio
from cl_keras.data.sequences.audio_records import load_audio_records
from cl_keras.data.sequences.sequence_data import SequenceData
from cl_keras.data.split_folders import split_folders

#: Side of square images, or height and width; None for the data's own.
ImageSize: TypeAlias = int | tuple[int, int] | None

# Readers of sets that may know a test part of their own.
_WITH_PARTS: dict[str, Callable[..., ImageData | None]] = {
    "npz": load_npz,
    "tfds": lambda path, size, **part: load_tfds(str(path), size, **part),
    "tfrecord": load_tfrecord,
}


def height_width(image_size: ImageSize) -> tuple[int, int] | None:
    """Height and width of images."""
    if image_size is None:
        return None
    height, width = (
        (image_size, image_size) if isinstance(image_size, int) else image_size
    )
    if min(height, width) < 1:
        raise ValueError(
            f"Expected `image_size` to be positive. Received: image_size={image_size}"
        )
    return height, width


def read_images(
    kind: str,
    path: Path,
    size: tuple[int, int] | None,
    pattern: str | None,
    label: str | None,
) -> ImageData:
    """Reads the training part, or all images where there are no parts."""
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


def read_test_images(
    kind: str,
    path: Path,
    size: tuple[int, int],
    pattern: str | None,
    label: str | None,
) -> ImageData | None:
    """Reads the test part that the data itself offers."""
    if kind == "folder" and (parts := split_folders(path)):
        return load_folder(parts[1], size, pattern=pattern, label=label)
    if kind in _WITH_PARTS:
        return _WITH_PARTS[kind](path, size, part="test")
    return None


def read_recordings(kind: str, path: Path, **options: Any) -> SequenceData:
    """Reads recordings."""
    if kind == "folder":
        return load_audio(path, **options)
    if options.pop("pattern", None) is not None:
        raise ValueError(f"`pattern` is of folders. Received: one for {path}")
    found = load_audio_records(path, **options)
    if found is None:
        raise ValueError(f"Found no recordings in {path}.")
    return found


def read_graph(kind: str, path: Path) -> GraphData:
    """Reads a graph, or graphs."""
    if kind == "planetoid":
        return load_planetoid(path.parent, path.name)
    readers = {"tu": load_tu, "edges": load_edge_list, "graph": load_graph_tensors}
    return readers[kind](path)
