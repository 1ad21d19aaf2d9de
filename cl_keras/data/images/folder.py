# SPDX-License-Identifier: Apache-2.0
"""Images in folders."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import tensorflow as tf

from cl_keras.data.class_folders import find_files
from cl_keras.data.images.image_data import ImageData
from cl_keras.decoding import decode_rgb
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
    8 bits a channel, also where all are grey, so that one encoder fits any folder; see
    `cl_keras.decoding.decode_rgb` for palettes, transparency and depth. Files that
    cannot be decoded are left out, named in `skipped`, and counted in a warning.

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
    files, labels, class_names, skipped = find_files(
        path, _READABLE, _UNREADABLE, "convert it to PNG"
    )
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
            # Past `_load` and `data.load` or `load_splits`, at the line that asked.
            stacklevel=4,
        )
    return ImageData(
        f"folder:{path}",
        images,
        None if labels is None else labels[good],
        class_names,
        tuple(skipped),
    )


def _decode(path: tf.Tensor) -> tf.Tensor:
    return decode_rgb(tf.io.read_file(path))


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
