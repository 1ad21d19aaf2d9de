# SPDX-License-Identifier: Apache-2.0
"""The one rule for pixel values: bytes are scaled, floats are in [0, 1].

It holds wherever images come in: views, `data.batches`, what a method is fitted on or
predicts, evaluation. Images are what has the shape (batch, height, width, channels)
and goes to an encoder of such inputs; waveforms, vectors and graphs are left alone.
"""

from __future__ import annotations

import contextlib
import contextvars
import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

# What resizing and half precision leave of 0 and 1.
TOLERANCE = 1e-3

EXPECTED = (
    "Expected floating images in [0, 1], without NaN: divide pixels of 0..255 by 255, "
    "or leave them uint8, which is scaled."
)
_SAID = re.compile(re.escape(f"[{EXPECTED}]") + r" \[(.*?)\] \[(.*?)\]")
_KNOWN: contextvars.ContextVar[bool] = contextvars.ContextVar("known", default=False)


def unit_pixels(images: tf.Tensor | np.ndarray) -> tf.Tensor:
    """Brings a batch of images to float32 in [0, 1].

    The range of floats is read in the graph, by two reductions. XLA compiles such
    checks away: what it compiles is checked before (`methods.ContrastiveModel`).
    """
    images = tf.convert_to_tensor(images)
    _check_dtype(images.dtype.as_numpy_dtype, images.dtype.name)
    if images.dtype == tf.uint8:
        return tf.cast(images, tf.float32) / 255.0
    images = tf.cast(images, tf.float32)
    if _KNOWN.get():
        return images
    with tf.control_dependencies(_checks(images)):
        return tf.identity(images)


@contextlib.contextmanager
def known_range() -> Iterator[None]:
    """Leaves out the check of floats that were made from checked ones."""
    token = _KNOWN.set(True)
    try:
        yield
    finally:
        _KNOWN.reset(token)


def check_pixels(images: np.ndarray, block: int = 4096) -> None:
    """Checks images in memory, once."""
    _check_dtype(images.dtype, str(images.dtype))
    if images.dtype == np.uint8:
        return
    for start in range(0, len(images), block):
        part = images[start : start + block]
        low, high = part.min(), part.max()
        if not within(low, high):
            raise ValueError(f"{EXPECTED} Received values: {low}..{high}")


def within(low: Any, high: Any) -> Any:
    """Tells whether pixels are in [0, 1], from the least and the largest of them."""
    return (low >= -TOLERANCE) & (high <= 1.0 + TOLERANCE)


def check_channels_last(shape: Sequence[int | None]) -> None:
    """Refuses images whose channels come first, as PyTorch has them.

    They are told by a first side that is much smaller than the others where the last
    is no number of colours: images of 13 bands have their channels last too.
    """
    if len(shape) != 3 or None in shape:
        return
    first, second, last = (int(side or 0) for side in shape)
    square = second == last
    if last > 4 and first < second and (square or first == 3):
        raise ValueError(
            "Expected images whose channels come last, (height, width, channels). "
            f"Received: {tuple(shape)}, whose channels come first; turn them with "
            "images.transpose(0, 2, 3, 1)"
        )


@contextlib.contextmanager
def plain_errors() -> Iterator[None]:
    """Raises what the graph says of pixels as a ValueError, without the graph."""
    try:
        yield
    except tf.errors.InvalidArgumentError as error:
        said = _SAID.search(error.message)
        if said is None:
            raise
        received = f"{EXPECTED} Received values: {said[1]}..{said[2]}"
    else:
        return
    raise ValueError(received)


def _checks(images: tf.Tensor) -> list[tf.Operation]:
    low, high = tf.reduce_min(images), tf.reduce_max(images)
    good = within(low, high)
    if not tf.executing_eagerly():
        return [tf.debugging.Assert(good, [EXPECTED, low, high])]
    if not good:
        raise ValueError(f"{EXPECTED} Received values: {low:g}..{high:g}")
    return []


def _check_dtype(dtype: type | np.dtype, name: str) -> None:
    floating = name == "bfloat16" or np.issubdtype(dtype, np.floating)
    if dtype != np.uint8 and not floating:
        raise TypeError(
            "Expected images as uint8 in 0..255 or floating in [0, 1]. "
            f"Received dtype: {name}"
        )
