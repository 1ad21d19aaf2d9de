# SPDX-License-Identifier: Apache-2.0
"""Images of folders kept as encoded files, in memory or where they are."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from cl_keras.data.file_kinds import paths_of, text_of
from cl_keras.data.images.decode_all import PARALLEL, reason
from cl_keras.data.images.encoded_source import EncodedSource, each_row
from cl_keras.data.listing import FoundFiles, find_examples, inside
from cl_keras.data.skipped import warn_of_skipped
from cl_keras.preprocessing import photos
from cl_keras.preprocessing.decoding import decode_rgb, decode_to, served, shown_size
from cl_keras.progress import Progress
from cl_keras.untuned import ahead

#: Most bytes of files that are kept in memory as they are.
KEPT_BYTES = 2**30
# Most bytes of pixels that are kept beside the files.
_PIXEL_BYTES = 2**30
# Of how many files one must be good, where not all are looked at.
_CHECKED = 64


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class EncodedImages(EncodedSource):
    """Encoded images in memory, each of which has been decoded once and is good.

    Args:
        name: Where the images come from.
        contents: The files' bytes, of any kind that `load_folder` reads.
        sizes: `(count, 2)` int64, height and width of each, in pixels, turned upright.
        labels: `(count,)` int64, or None.
        class_names: Name of each label, or None.
        skipped: Files that could not be used, each with the reason.
        ids: Path of each file in its folder.
        pixels: `(count, side, side, 3)` uint8, the whole images at a side that was
            asked for, or None.

    Example:
    >>> png = tf.io.encode_png(np.zeros((2, 3, 3), np.uint8)).numpy()
    >>> len(EncodedImages("one", (png,), np.array([[2, 3]])))
    1
    """

    name: str
    contents: tuple[bytes, ...]
    sizes: np.ndarray
    labels: np.ndarray | None = None
    class_names: tuple[str, ...] | None = None
    skipped: tuple[str, ...] = ()
    ids: tuple[str, ...] | None = None
    pixels: np.ndarray | None = None

    by_row = ("contents", "sizes", "labels", "ids", "pixels")

    def reader(self) -> Callable[[tf.Tensor], tf.Tensor]:
        """As `EncodedSource.reader`."""
        with tf.device("CPU"):
            contents = tf.constant(list(self.contents))
        if not self.needs_pillow:
            return lambda rows: tf.gather(contents, rows)
        return each_row(lambda row: served(contents[row]))

    @property
    def needs_pillow(self) -> bool:
        """As `EncodedSource.needs_pillow`; of these the contents tell."""
        return any(photos.kind_of(x[: photos.HEAD]) for x in self.contents)


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class ImageFiles(EncodedSource):
    """Image files, of any number, that are read and decoded when their turn comes.

    Of none is anything known before, so that training begins at once; they must stay as
    they are. In place of one that cannot be decoded training takes another image of its
    batch, and `unreadable` names it.

    Args:
        name: Where the images come from.
        files: Their paths.
        labels: `(count,)` int64, or None.
        class_names: Name of each label, or None.
        skipped: Files that could not be used, each with the reason.
        ids: Path of each file in its folder.

    Example:
    >>> len(ImageFiles("two", ("a.jpg", "b.jpg")))
    2
    """

    name: str
    files: tuple[str, ...]
    labels: np.ndarray | None = None
    class_names: tuple[str, ...] | None = None
    skipped: tuple[str, ...] = ()
    ids: tuple[str, ...] | None = None
    sizes: None = None
    pixels: None = None
    _unreadable: set[int] = dataclasses.field(default_factory=set, init=False)

    by_row = ("files", "labels", "ids")

    def reader(self) -> Callable[[tf.Tensor], tf.Tensor]:
        """As `EncodedSource.reader`."""
        with tf.device("CPU"):
            paths = tf.constant(paths_of(self.files))
        return each_row(lambda row: served(tf.io.read_file(paths[row])))

    @property
    def needs_pillow(self) -> bool:
        """As `EncodedSource.needs_pillow`."""
        suffixes = tuple(photos.SUFFIXES)
        return any(file.lower().endswith(suffixes) for file in self.files)

    def note(self, rows: np.ndarray) -> None:
        """As `EncodedSource.note`."""
        self._unreadable.update(rows.tolist())

    def unreadable(self) -> list[str]:
        """As `EncodedSource.unreadable`."""
        files = [self.files[row] for row in sorted(self._unreadable)]
        return [f"{text_of(file)} ({reason(file)})" for file in files]


def encoded_images(
    source: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    *,
    pattern: str | None = None,
    label: str | None = None,
    side: int | None = None,
    max_bytes: int = KEPT_BYTES,
) -> EncodedImages | ImageFiles:
    """Reads the images of a folder as they are, to be decoded when they are needed.

    Each is decoded once here, so that a file that cannot be is left out now, named in
    `skipped` and counted in a warning, and not met in the middle of training. Where
    they are too large for memory together, none is read here: see `ImageFiles`.

    Args:
        source: A folder, whose classes and names give labels as in `data.load`, or
            paths of files.
        pattern: As in `data.load`, for a folder.
        label: As in `data.load`, for a folder.
        side: Keep whole images of this side, too, as `pixels`, if they fit into 1 GiB.
        max_bytes: Largest size of all files together to be kept in memory, in bytes.

    Returns:
        The images.

    Raises:
        ValueError: If there is no usable image.

    Example:
    >>> images = encoded_images("photos")  # doctest: +SKIP
    """
    if isinstance(source, str | os.PathLike):
        root = Path(source).expanduser()
        found = find_examples(root, "image", pattern=pattern, label=label)
        return encode_files(found, root, side=side, max_bytes=max_bytes)
    files = [os.fspath(file) for file in source]
    if pattern is not None or label is not None:
        raise ValueError("Expected `pattern` and `label` with a folder only.")
    if not files:
        raise ValueError("Expected at least one file. Received: none")
    missing = [file for file in files if not os.path.isfile(file)]
    if missing:
        raise ValueError(f"Found no file at {missing[0]} ({len(missing)} in all).")
    found = FoundFiles(files, None, None, [])
    return encode_files(found, None, side=side, max_bytes=max_bytes)


def encode_files(
    found: FoundFiles,
    root: Path | None,
    *,
    side: int | None = None,
    max_bytes: int = KEPT_BYTES,
) -> EncodedImages | ImageFiles:
    """Reads listed images as `encoded_images` does; their ids are paths in `root`."""
    files, labels, class_names, skipped = found
    name = f"{len(files)} files" if root is None else f"folder:{root}"
    ids = [text_of(inside(x, root) if root else x) for x in files]
    if sum(map(os.path.getsize, files)) > max_bytes:
        _check_some(files, name)
        warn_of_skipped(skipped, len(files) + len(skipped), name)
        return ImageFiles(
            name, tuple(files), labels, class_names, tuple(skipped), tuple(ids)
        )
    if side is not None and 3 * side**2 * len(files) > _PIXEL_BYTES:
        side = None
    good = list(read_encoded(files, side, place=name))
    rows = [file.row for file in good]
    bad = [
        f"{text_of(files[row])} ({reason(files[row])})"
        for row in sorted({*range(len(files))}.difference(rows))
    ]
    if not rows:
        raise ValueError(
            f"None of the {len(files)} images of {name} can be read. First: {bad[0]}"
        )
    total = len(files) + len(skipped)
    skipped = [*skipped, *bad]
    warn_of_skipped(skipped, total, name)
    return EncodedImages(
        name,
        tuple(file.content for file in good),
        np.array([file.size for file in good], np.int64),
        None if labels is None else labels[rows],
        class_names,
        tuple(skipped),
        tuple(ids[row] for row in rows),
        None if side is None else np.stack([file.pixels for file in good]),
    )


def _check_some(files: Sequence[str], name: str) -> None:
    """Refuses files of which none can be decoded: training would find no image."""
    some = files[:: max(1, len(files) // _CHECKED)]
    if next(read_encoded(some), None) is None:
        raise ValueError(
            f"None of {len(some)} of the {len(files)} images of {name} can be read. "
            f"First: {text_of(some[0])} ({reason(some[0])})"
        )


class EncodedFile(NamedTuple):
    """An image file that has been decoded once and is good."""

    row: int  # Among those asked for.
    content: bytes
    size: tuple[int, int]
    pixels: np.ndarray  # The whole image at the side asked for, or of side 0.


def read_encoded(
    files: Sequence[str], side: int | None = None, *, place: str = ""
) -> Iterator[EncodedFile]:
    """Reads image files one after the other, leaving out those that are none.

    Each is decoded once, no larger than needed, to see whether it can be.
    """

    def load(row: tf.Tensor, path: tf.Tensor) -> tuple[tf.Tensor, ...]:
        content = tf.io.read_file(path)
        readable = served(content)
        pixels = (
            _no_pixels(readable) if side is None else decode_to(readable, (side, side))
        )
        return row, content, shown_size(readable), pixels

    dataset = ahead(
        tf.data.Dataset.from_tensor_slices((np.arange(len(files)), paths_of(files)))
        .map(load, num_parallel_calls=PARALLEL, deterministic=True)
        .ignore_errors(),
        PARALLEL,
    )
    progress = Progress(f"images{f' of {place}' if place else ''} read", len(files))
    before = 0
    for row, content, size, pixels in dataset.as_numpy_iterator():
        progress.add(int(row) + 1 - before)
        before = int(row) + 1
        yield EncodedFile(int(row), content, (int(size[0]), int(size[1])), pixels)


# Traced once, as what `decode_to` calls is: each pipeline would trace it again.
@tf.function(input_signature=[tf.TensorSpec((), tf.string)], autograph=False)
def _no_pixels(content: tf.Tensor) -> tf.Tensor:
    # All of a JPEG is read for an eighth of it, too.
    return decode_rgb(content, spare=tf.constant(8.0))[:0, :0]
