# SPDX-License-Identifier: Apache-2.0
"""What can be seen of data before a training is chosen for it; no label is read."""

from __future__ import annotations

import dataclasses

import numpy as np

from cl_keras.data import GraphData, ImageData, SequenceData, Source
from cl_keras.data.images.own_size import image_sources
from cl_keras.data.test_part import uncut
from cl_keras.preprocessing.decoding import decode_to
from cl_keras.show.figures import spread

# Of a folder, so many files tell whether it has colour, at this size.
_FILES, _SIDE = 32, (32, 32)
# Train and test part where there is only one.
_TRAINED = 0.8
# Recordings are looked at by the second, series by so many samples.
_SERIES_WINDOW = 200


@dataclasses.dataclass(frozen=True)
class Glance:
    """What data looks like.

    Attributes:
        kind: `"colour"` or `"grey"` images, `"recording"`, `"series"`, `"node"` (of one
            graph), `"graph"` (of a set), or the modality of what else there is.
        total: Examples to train on and to test with.
        count: Examples to train on.
        side: The shorter side of images, in pixels.
        window: Samples that a training step looks at, of sequences.
        windows: Such windows in the sequences to train on.
    """

    kind: str
    total: int = 0
    count: int = 0
    side: int = 0
    window: int = 0
    windows: int = 0


def glance(source: Source, test_data: str | None = None) -> Glance:
    """Looks at data: of a folder of images at its list and some files."""
    if source.modality == "pair":
        return Glance("pair")
    if source.modality == "image" and source.kind == "folder":
        files = source.files().files
        side = min(source.default_size() or _SIDE)
        some = [files[i] for i in spread(len(files), _FILES)]
        decoded = image_sources(some).map(lambda x: decode_to(x, _SIDE)).ignore_errors()
        images = np.stack(list(decoded.as_numpy_iterator()))
        other = len(source.files("test").files) if source.split else 0
        return _images(images, side, len(files), other, test_data)
    train, test = uncut(source).load(), source.load("test")
    if isinstance(train, GraphData):
        kind = "node" if train.graph_ids is None else "graph"
        return Glance(kind, train.nodes, train.nodes)
    other = len(test) if isinstance(test, ImageData | SequenceData) else 0
    if isinstance(train, ImageData):
        side = min(train.shape[:2])
        return _images(train.images[:_FILES], side, len(train), other, test_data)
    if not isinstance(train, SequenceData):
        return Glance(source.modality)
    lengths = [len(sequence) for sequence in train.sequences]
    is_series = len(train.shape) == 2
    usual = _SERIES_WINDOW if is_series else train.sample_rate or max(lengths)
    window = min(usual, int(np.median(lengths)))
    total, count = _counts(len(train), other, test_data)
    windows = sum(length // window for length in lengths) * count // len(train)
    kind = "series" if is_series else "recording"
    return Glance(kind, total, count, window=window, windows=windows)


def _images(
    images: np.ndarray, side: int, count: int, other: int, test_data: str | None
) -> Glance:
    is_grey = bool(np.all(images == images[..., :1]))
    kind = "grey" if is_grey else "colour"
    return Glance(kind, *_counts(count, other, test_data), side=side)


def _counts(count: int, other: int, test_data: str | None) -> tuple[int, int]:
    """Of all, and of those to train on: a fifth is held out of a set without parts."""
    whole = not other and test_data is None
    return count + other, int(_TRAINED * count) if whole else count
