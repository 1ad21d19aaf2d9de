# SPDX-License-Identifier: Apache-2.0
"""Data named by one string: the one way in."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias, cast

from cl_keras.data.folder_walk import modality_of_folder
from cl_keras.data.graphs.edge_list import load_edge_list
from cl_keras.data.graphs.graph_data import GraphData
from cl_keras.data.graphs.graph_tensor import load_graph_tensors
from cl_keras.data.graphs.planetoid import load_planetoid
from cl_keras.data.graphs.tu import load_tu
from cl_keras.data.images.digits import load_digits
from cl_keras.data.images.encoded import encode_files
from cl_keras.data.images.encoded_source import EncodedSource
from cl_keras.data.images.folder import load_folder
from cl_keras.data.images.image_data import ImageData
from cl_keras.data.images.npz import load_npz
from cl_keras.data.images.own_size import (
    LARGEST_OWN,
    USUAL_SIZE,
    ImageSize,
    height_width,
    own_size,
)
from cl_keras.data.images.record_images import record_images
from cl_keras.data.images.scattered_digits import load_scattered_digits
from cl_keras.data.images.tfds import load_tfds
from cl_keras.data.images.tfrecord import load_tfrecord
from cl_keras.data.kinds import KINDS
from cl_keras.data.listing import FoundFiles, Listed, find_examples, list_files
from cl_keras.data.pairs.load_pairs import load_pairs
from cl_keras.data.pairs.pair_data import PairData
from cl_keras.data.records.files import record_files
from cl_keras.data.records.index import RecordIndex
from cl_keras.data.sequences.audio import load_audio_records, read_audio
from cl_keras.data.sequences.csv_series import load_csv
from cl_keras.data.sequences.sequence_data import SequenceData
from cl_keras.data.split_folders import Split, find_split

Data: TypeAlias = ImageData | SequenceData | GraphData | PairData
# Readers of sets that may know a test part of their own.
_WITH_PARTS: dict[str, Any] = {
    "npz": load_npz,
    "tfds": load_tfds,
    "tfrecord": load_tfrecord,
}
_GRAPHS: dict[str, Any] = {
    "tu": load_tu,
    "edges": load_edge_list,
    "graph": load_graph_tensors,
    "planetoid": lambda path: load_planetoid(path.parent, path.name),
}


@dataclasses.dataclass(frozen=True)
class Source:
    """Data that a string names, found and not yet read; `data.open` makes it.

    What is learnt of it, such as the files of a folder, is learnt once.

    Args:
        spec: The data string.
        kind: Its first half, such as `"folder"`.
        path: Where the data is.
        pattern: How labels stand in the names of the files of a folder, or None.
        label: The kind of labels that is read, or None.
        group: The group of `pattern` whose values stay in one part each, or None.
        options: What else `csv:` and `pairs:` are told of their files.

    Example:
    >>> source = data.open("digits")
    >>> source.kind, source.modality, list(source.load_parts())
    ('digits', 'image', [''])
    """

    spec: str
    kind: str
    path: Path
    pattern: str | None = None
    label: str | None = None
    group: str | None = None
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    @functools.cached_property
    def modality(self) -> str:
        """`"image"`, `"audio"` (any sequences), `"graph"` or `"pair"`."""
        if self.kind == "folder":
            return modality_of_folder(self.path) or "image"
        if self.index is not None:
            return self.index.modality
        return KINDS[self.kind].modality

    @functools.cached_property
    def index(self) -> RecordIndex | None:
        """The index of packed records."""
        files = record_files(self.path) if self.kind == "tfrecord" else []
        return RecordIndex.find(files[0]) if files else None

    @functools.cached_property
    def split(self) -> Split | None:
        """The parts of a folder that is split into such."""
        return find_split(self.path) if self.kind == "folder" else None

    @property
    def folders(self) -> Mapping[str, Path]:
        """The folder of each part, by name; that of all images by no name."""
        if self.split is None:
            return {"": self.path}
        return {"train": self.split.train, "test": self.split.test}

    @functools.cached_property
    def listed(self) -> Listed:
        """All files of a folder, told apart."""
        return list_files(self.path, self.modality)

    def files(self, part: str = "train") -> FoundFiles:
        """Lists the files of a part of a folder with their labels.

        Args:
            part: `"train"` (all files, where there are no parts) or `"test"`.

        Returns:
            Files, labels, class names, and what was left out.

        Raises:
            ValueError: If there is none, or labels are not as they were described.
        """
        if self.kind != "folder":
            raise ValueError(f"Expected folder:PATH, to list. Received: {self.spec}")
        folder, listed = self._folder(part) or self.path, self.listed
        return find_examples(
            folder,
            self.modality,
            pattern=self.pattern,
            label=self.label,
            listed=listed if self.split is None else listed.below(self.path, folder),
        )

    def default_size(self) -> tuple[int, int] | None:
        """Tells the height and width that images get where none is asked for.

        Returns:
            The size; None where it is known only when they are read.
        """
        if self.kind == "folder":
            return own_size(self.files().files)
        if self.index is None:
            return None
        sizes = {tuple(size) for size in self.index.positions()["size"].tolist()}
        common = next(iter(sizes))
        return common if len(sizes) == 1 and max(common) <= LARGEST_OWN else USUAL_SIZE

    def load(
        self,
        part: str = "train",
        *,
        image_size: ImageSize = None,
        channels: int | None = None,
        sample_rate: int | None = None,
    ) -> Data | None:
        """Reads a part of the data into memory.

        Args:
            part: `"train"` (all, where there are no parts) or `"test"`.
            image_size: As in `data.load`.
            channels: As in `data.load`.
            sample_rate: As in `data.load`.

        Returns:
            `ImageData`, `SequenceData`, `GraphData` or `PairData`; None if there is no
            such part.

        Raises:
            ValueError: If the data is not understood or is of another modality.
        """
        for name, value, owners in (
            # Whether pairs are of images shows when they are read.
            ("image_size", image_size, ("image", "pair")),
            ("channels", channels, ("image",)),
            ("sample_rate", sample_rate, ("audio",)),
        ):
            if value is not None and self.modality not in owners:
                raise ValueError(
                    f"`{name}` is of {owners[0]} data, and {self.spec} is "
                    f"{self.modality} data. Received: {name}={value!r}"
                )
        if self.modality == "graph":
            return _GRAPHS[self.kind](self.path) if part == "train" else None
        if self.modality == "pair":
            return self._pairs(image_size) if part == "train" else None
        if self.modality == "audio":
            return self._recordings(part, sample_rate)
        images = self._images(part, height_width(image_size))
        return None if images is None else images.in_channels(channels)

    def load_parts(self, **options: Any) -> dict[str, Data]:
        """Reads all of the data into memory, part by part.

        Args:
            **options: As for `load`. Images of all parts have one size, recordings
                one sample rate.

        Returns:
            `train` and `test`, or all under an empty name where there are no parts.
        """
        train = cast(Data, self.load(**options))
        test = self.load("test", **like(train, options))
        return {"": train} if test is None else {"train": train, "test": test}

    def stream(
        self, part: str = "train", *, side: int, mapped: bool = True
    ) -> EncodedSource | None:
        """Opens images that stay encoded until their turn comes.

        Args:
            part: `"train"` (all images, where there are no parts) or `"test"`.
            side: Side at which whole images are kept as well, where they are small.
            mapped: As in `data.record_images`.

        Returns:
            The images; None if there is no such part.

        Raises:
            ValueError: If the data is no folder, nor records with an index.
        """
        if self.kind == "folder":
            if (folder := self._folder(part)) is None:
                return None
            return encode_files(self.files(part), folder, side=side)
        if self.index is None:
            raise ValueError(
                "Expected folder: or tfrecord: with the index that `cl-keras pack` "
                f"writes, to stream images from. Received: {self.spec}"
            )
        if not self.index.part(part):
            return None
        return record_images(self.path, part, mapped=mapped)

    def _folder(self, part: str) -> Path | None:
        return self.folders.get(part, self.folders.get("") if part == "train" else None)

    def _images(self, part: str, size: tuple[int, int] | None) -> ImageData | None:
        if self.kind == "digits":
            return load_digits(size) if part == "train" else None
        if self.kind == "scattered_digits":
            return load_scattered_digits(size, part=part)
        if self.kind == "folder":
            if (folder := self._folder(part)) is None:
                return None
            return load_folder(folder, size, found=self.files(part))
        images: ImageData | None = _WITH_PARTS[self.kind](self.path, size, part=part)
        if images is None and part == "train":
            raise ValueError(f"Found no images in {self.path}.")
        return images

    def _recordings(self, part: str, sample_rate: int | None) -> SequenceData | None:
        if self.kind == "folder":
            if (folder := self._folder(part)) is None:
                return None
            return read_audio(folder, self.files(part), sample_rate)
        if self.kind == "csv":
            return self._series(sample_rate) if part == "train" else None
        recordings = load_audio_records(self.path, sample_rate=sample_rate, part=part)
        if recordings is None and part == "train":
            raise ValueError(f"Found no recordings in {self.path}.")
        if recordings is None or self.label is None:
            return recordings
        return recordings.labelled(self.label)

    def _series(self, sample_rate: int | None) -> SequenceData:
        rules = {"pattern": self.pattern, "label": self.label, **self.options}
        series = load_csv(self.path, sample_rate=sample_rate, **rules)
        return series if self.label is None else series.labelled(self.label)

    def _pairs(self, image_size: ImageSize) -> PairData:
        rules = {"pattern": self.pattern, "label": self.label, "group": self.group}
        given = {"image_size": image_size, **rules, **self.options}
        return load_pairs(str(self.path), **given)


def like(part: Data, options: Mapping[str, Any]) -> dict[str, Any]:
    """Options that make another part of data fit the one that is read already."""
    if isinstance(part, ImageData):
        return {**options, "image_size": part.shape[:2]}
    if isinstance(part, SequenceData):
        return {**options, "sample_rate": part.sample_rate}
    return dict(options)
