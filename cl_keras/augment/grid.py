# SPDX-License-Identifier: Apache-2.0
"""A picture of what the encoder will see."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tensorflow as tf

from cl_keras import check
from cl_keras.augment import inputs

# Tiles of small images are enlarged to about this many pixels.
_TILE = 96
_GAP = 4


def preview(
    images: inputs.Images,
    views: Callable[..., tuple[tf.Tensor, ...]],
    path: str | os.PathLike[str] | None,
    n: int = 8,
    seed: int = 0,
) -> np.ndarray:
    """Writes a PNG grid of images (first row) and their views (rows below).

    Args:
        images: `(count, height, width, 1 or 3)`, uint8 or float in [0, 1]; the first
            `n` are drawn.
        views: A view maker such as `SimCLRImages(size=32)`.
        path: Where to write the PNG; folders are made. `None` writes nothing.
        n: Number of columns.
        seed: Seed of the views.

    Returns:
        The grid, `(rows, columns, channels)` uint8.

    Raises:
        ValueError: If there is no image or `n` is not positive.

    Example:
    >>> from cl_keras import augment
    >>> grid = preview(np.zeros((4, 32, 32, 3), np.uint8), augment.SimCLRImages(), None)
    >>> grid.shape
    (304, 404, 3)
    """
    check.at_least(1, n=n)
    if len(images) == 0:
        raise ValueError("Expected at least one image to preview. Received: 0")
    originals = inputs.as_float(images[:n])
    made = views(originals, tf.constant([seed, 0], tf.int64))
    size = made[0].shape[1:3]
    # Views of other sizes are drawn as large as the first.
    rows = [
        row if row.shape[1:3] == size else tf.image.resize(row, size, antialias=True)
        for row in (originals, *made)
    ]
    zoom = max(1, _TILE // size[0])
    lines = []
    for row in rows:
        tiles = np.asarray(tf.image.convert_image_dtype(row, tf.uint8, saturate=True))
        tiles = tiles.repeat(zoom, axis=1).repeat(zoom, axis=2)
        gap = ((0, 0), (_GAP, 0), (_GAP, 0), (0, 0))
        tiles = np.pad(tiles, gap, constant_values=255)
        lines.append(np.concatenate(tiles, axis=1))
    grid = np.pad(
        np.concatenate(lines), ((0, _GAP), (0, _GAP), (0, 0)), constant_values=255
    )
    if path is not None:
        target = Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(tf.io.encode_png(grid).numpy())
    return grid
