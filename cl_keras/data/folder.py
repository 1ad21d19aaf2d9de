# SPDX-License-Identifier: Apache-2.0
"""Images in folders."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tensorflow as tf

from cl_keras.data.image_data import ImageData
from cl_keras.resizing import resize_and_crop

_READABLE = {".jpg", ".jpeg", ".png", ".gif", ".bmp"}
_UNREADABLE = {".webp", ".tif", ".tiff", ".heic", ".avif", ".jp2", ".ppm", ".pgm"}
_TEST_FOLDERS = ("test", "val", "validation")
_MIXED_SIZE = (224, 224)
_BATCH = 256


def split_folders(path: Path) -> tuple[Path, Path] | None:
    """Finds the parts of a folder that is already split.

    Args:
        path: A folder.

    Returns:
        Its `train` folder and the first of `test`, `val`, `validation`; or None.

    Example:
    >>> split_folders(Path("/no/such/folder")) is None
    True
    """
    # As in `load_folder`, a lone sub-folder is entered.
    while path.is_dir():
        inside = [entry for entry in path.iterdir() if not entry.name.startswith(".")]
        if len(inside) != 1 or not inside[0].is_dir() or inside[0].name == "train":
            break
        path = inside[0]
    for name in _TEST_FOLDERS:
        if (path / "train").is_dir() and (path / name).is_dir():
            return path / "train", path / name
    return None


def load_folder(
    path: Path,
    size: tuple[int, int] | None = None,
    *,
    max_bytes: int = 8 * 2**30,
) -> ImageData:
    """Loads the JPEG, PNG, GIF (first frame) and BMP files of a folder.

    Two or more sub-folders are classes, named in sorted order, and may be nested; a
    folder without, or with just one, gives unlabelled images. All images become RGB,
    8 bits a channel, also where all are grey, so that one encoder fits any folder;
    transparency is dropped and EXIF rotation is not applied. Files that cannot be
    decoded are left out, named in `skipped`, and counted in a warning.

    Args:
        path: The folder.
        size: Height and width wanted; images of other sizes are resized to cover it
            and cut to the centre. If None: the size of the images where it is the
            same for all, else 224 x 224.
        max_bytes: Largest allowed size of the decoded set, in bytes.

    Returns:
        The images, in the order of their sorted paths.

    Raises:
        ValueError: If the folder is missing, has no readable image, or is too large.

    Example:
    >>> load_folder(Path("photos"))  # doctest: +SKIP
    ImageData(name='folder:photos', ...)
    """
    if not path.is_dir():
        raise ValueError(f"Expected a folder of images. Received: {path}")
    files, labels, class_names, skipped = _find(path)
    if not files:
        raise ValueError(
            f"Found no image ({', '.join(sorted(_READABLE))}) in {path}."
            + (f" Not readable: {', '.join(skipped[:3])}" if skipped else "")
        )
    target = size or _first_size(files)
    images, good, mixed = _read(files, target, size is not None, max_bytes)
    if mixed:
        images, good, _ = _read(files, _MIXED_SIZE, True, max_bytes)
    bad = [_reason(files[row]) for row in np.flatnonzero(~good)]
    if not good.any():
        raise ValueError(
            f"None of the {len(files)} images in {path} can be read. First: {bad[0]}"
        )
    total = len(files) + len(skipped)
    skipped += bad
    if skipped:
        warnings.warn(
            f"Skipped {len(skipped)} of {total} files in {path}: "
            f"{'; '.join(skipped[:3])}" + (" ..." if len(skipped) > 3 else ""),
            stacklevel=2,
        )
    return ImageData(
        f"folder:{path}",
        images,
        None if labels is None else labels[good],
        class_names,
        tuple(skipped),
    )


def _find(
    path: Path,
) -> tuple[list[str], np.ndarray | None, tuple[str, ...] | None, list[str]]:
    """Files, their labels, the class names, and what is left out and why."""
    files: list[str] = []
    skipped: list[str] = []
    owners: list[str] = []
    for file in _walk(path):
        suffix = os.path.splitext(file)[1].lower()
        if suffix in _READABLE:
            files.append(file)
            owners.append(os.path.relpath(file, path))
        elif suffix in _UNREADABLE:
            skipped.append(f"{file} ({suffix} is not supported; convert it to PNG)")
    while True:
        tops = [owner.partition(os.sep)[0] for owner in owners]
        loose = [os.sep not in owner for owner in owners]
        names = sorted({t for t, alone in zip(tops, loose, strict=True) if not alone})
        if len(names) == 1 and not any(loose):
            # A lone sub-folder tells nothing apart: enter it, as in an archive
            # unpacked into a folder of its own name.
            owners = [owner.partition(os.sep)[2] for owner in owners]
            continue
        break
    if len(names) < 2:
        return files, None, None, skipped
    skipped += [
        f"{file} (beside the class folders, not in one)"
        for file, alone in zip(files, loose, strict=True)
        if alone
    ]
    kept = [row for row, alone in enumerate(loose) if not alone]
    index = {name: label for label, name in enumerate(names)}
    labels = np.array([index[tops[row]] for row in kept], np.int64)
    return [files[row] for row in kept], labels, tuple(names), skipped


def _walk(path: Path) -> Iterator[str]:
    """All visible files below a folder in sorted order; links are followed once."""
    seen: set[str] = set()
    for folder, folders, names in os.walk(path, followlinks=True):
        real = os.path.realpath(folder)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if not name.startswith("."):
                yield os.path.join(folder, name)


def _decode(path: tf.Tensor) -> tf.Tensor:
    content = tf.io.read_file(path)
    # A BMP cannot be asked for a number of channels that it does not have; and a
    # 16-bit PNG asked for as uint8 is cut to its upper bytes.
    is_bmp = tf.equal(tf.strings.substr(content, 0, 2), b"BM")
    return tf.cond(
        is_bmp,
        lambda: _to_rgb(tf.io.decode_bmp(content)),
        lambda: tf.io.decode_image(content, channels=3, expand_animations=False),
    )


def _to_rgb(image: tf.Tensor) -> tf.Tensor:
    grey = tf.equal(tf.shape(image)[-1], 1)
    return tf.cond(grey, lambda: tf.repeat(image, 3, axis=-1), lambda: image[..., :3])


def _first_size(files: list[str]) -> tuple[int, int]:
    for file in files:
        try:
            height, width = _decode(tf.constant(file)).shape[:2]
        except tf.errors.OpError:
            continue
        return height, width
    return _MIXED_SIZE


def _read(
    files: list[str], size: tuple[int, int], resize: bool, max_bytes: int
) -> tuple[np.ndarray, np.ndarray, bool]:
    """Decodes files in parallel.

    Returns the images that could be decoded, which files those are, and whether an
    image of another size made it stop (only where `resize` is False).
    """
    needed = len(files) * size[0] * size[1] * 3
    if needed > max_bytes:
        raise ValueError(
            f"{len(files)} images of {size[0]} x {size[1]} need "
            f"{needed / 2**30:.1f} GiB of memory, more than the limit of "
            f"{max_bytes / 2**30:.1f} GiB. Choose a smaller `image_size`, or give "
            "data.two_views a tf.data.Dataset that reads the files."
        )

    def load(row: tf.Tensor, path: tf.Tensor) -> tuple[tf.Tensor, ...]:
        image = _decode(path)
        same = tf.reduce_all(tf.shape(image)[:2] == size)
        other = (
            (lambda: resize_and_crop(image, size))
            if resize
            else (lambda: tf.zeros((*size, 3), tf.uint8))
        )
        fitted = tf.cond(same, lambda: image, other)
        return row, tf.ensure_shape(fitted, (*size, 3)), same

    dataset = (
        tf.data.Dataset.from_tensor_slices((np.arange(len(files)), files))
        .map(load, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
        .ignore_errors()
        .batch(_BATCH)
        .prefetch(2)
    )
    images = np.empty((len(files), *size, 3), np.uint8)
    good = np.zeros(len(files), bool)
    count = 0
    for rows, block, same in dataset.as_numpy_iterator():
        if not resize and not same.all():
            return images[:0], good, True
        images[count : count + len(rows)] = block
        good[rows] = True
        count += len(rows)
    return images[:count], good, False


def _reason(file: str) -> str:
    """Decodes a bad file once more to learn what is wrong with it."""
    try:
        _decode(tf.constant(file))
    except tf.errors.OpError as error:
        message = error.message.partition("{{")[2].partition("}} ")[2] or error.message
        return f"{file} ({message.splitlines()[0][:120].rstrip()})"
    return f"{file} (could not be resized)"
