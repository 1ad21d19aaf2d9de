# SPDX-License-Identifier: Apache-2.0
"""Images in a NumPy `.npz` file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from cl_keras.data.array_files import open_arrays
from cl_keras.data.images.image_data import ImageData
from cl_keras.labels import as_labels
from cl_keras.preprocessing.pixels import check_channels_last
from cl_keras.preprocessing.resizing import resize_all

# The second names are those of the files that Keras distributes.
_KEYS = {
    "train": (("images", "x", "x_train"), ("labels", "y", "y_train")),
    "test": (("test_images", "x_test"), ("test_labels", "y_test")),
}


def load_npz(
    path: Path, size: tuple[int, int] | None = None, *, part: str = "train"
) -> ImageData | None:
    """Loads images, and labels where there are any, from a `.npz` file.

    Keys: `images` (or `x`, `x_train`) and `labels` (or `y`, `y_train`); for the test
    part `test_images` (or `x_test`) and `test_labels` (or `y_test`). Images may have
    any number of channels. Labels are as in `ImageData`; strings become class names,
    those of both parts in sorted order, and names of integer labels may stand under
    `class_names`. Objects are never unpickled.
    """
    expected = (
        f"Expected {path} to be a .npz file with images, uint8 in 0..255 or floating "
        "in [0, 1]"
    )
    with open_arrays(path, expected) as file:
        image_key = next((key for key in _KEYS[part][0] if key in file), None)
        if image_key is None:
            if part == "test":
                return None
            raise ValueError(
                f"it has no key {' or '.join(map(repr, _KEYS[part][0]))}; "
                f"keys: {', '.join(sorted(file)) or 'none'}"
            )
        label_key = next((key for key in _KEYS[part][1] if key in file), None)
        images = _as_images(image_key, file[image_key])
        labels, names = None, None
        if label_key is not None:
            named = "class_names" in file
            known = tuple(file["class_names"]) if named else _names(file)
            labels, names = as_labels(
                file[label_key],
                len(images),
                "an image",
                names=known,
                what=repr(label_key),
            )
        if size is not None:
            images = resize_all(images, size)
        return ImageData(f"npz:{path}", images, labels, names)


def _as_images(key: str, images: np.ndarray) -> np.ndarray:
    if images.ndim == 3:
        images = images[..., np.newaxis]
    if images.ndim != 4 or 0 in images.shape:
        raise ValueError(
            f"{key!r} should be (count, height, width[, channels]), got shape "
            f"{images.shape}"
        )
    check_channels_last(images.shape[1:])
    if images.dtype == np.uint8:
        return images
    integer = np.issubdtype(images.dtype, np.integer)
    if not integer and not np.issubdtype(images.dtype, np.floating):
        raise ValueError(f"{key!r} should hold numbers, got dtype {images.dtype}")
    low, high = images.min(), images.max()
    # Written so that NaN fails too.
    if not (low >= 0 and high <= (255 if integer else 1.0)):
        raise ValueError(
            f"{key!r} should be in {'0..255' if integer else '[0, 1]'}, "
            f"got {low}..{high}"
        )
    return images.astype(np.uint8) if integer else np.round(images * 255).astype("u1")


def _names(file: Mapping[str, np.ndarray]) -> tuple[str, ...] | None:
    """The classes of both parts, if they are named by strings."""
    keys = [key for part in _KEYS.values() for key in part[1] if key in file]
    labels = [file[key].ravel() for key in keys]
    if not labels or any(part.dtype.kind not in "US" for part in labels):
        return None
    texts = np.concatenate([part.astype(str) for part in labels])
    return tuple(np.unique(texts).tolist())
