# SPDX-License-Identifier: Apache-2.0
"""Random numbers of a batch, of which a worker may hold a part only."""

from __future__ import annotations

import contextlib
import contextvars
from collections.abc import Callable, Iterator
from typing import Any

import tensorflow as tf

# Where the rows at hand begin in the batch, and how many it has.
_PLACE: contextvars.ContextVar[tuple[tf.Tensor, ...]] = contextvars.ContextVar(
    "place", default=()
)


def uniform(
    shape: Any, seed: Any, low: float = 0.0, high: float = 1.0, dtype: str = "float32"
) -> tf.Tensor:
    """Draws from [low, high), one row an example."""

    def draw(shape: Any) -> tf.Tensor:
        return tf.random.stateless_uniform(shape, seed, low, high, dtype)

    return _rows(draw, shape)


def normal(shape: Any, seed: Any) -> tf.Tensor:
    """Draws from the normal distribution, one row an example."""
    return _rows(lambda shape: tf.random.stateless_normal(shape, seed), shape)


def _rows(draw: Callable[[Any], tf.Tensor], shape: Any) -> tf.Tensor:
    """Draws for the whole batch, and takes the rows at hand."""
    place = _PLACE.get()
    if not place:
        return draw(shape)
    begin, total = place
    shape = tf.convert_to_tensor(shape)
    values = draw(tf.concat([[tf.cast(total, shape.dtype)], shape[1:]], axis=0))
    return values[begin : begin + tf.cast(shape[0], begin.dtype)]


def row_numbers(count: tf.Tensor) -> tf.Tensor:
    """Numbers examples, for draws that take a number in place of a row."""
    place = _PLACE.get()
    return tf.range(count) + (place[0] if place else 0)


@contextlib.contextmanager
def drawing_for(*place: tf.Tensor) -> Iterator[None]:
    """Makes draws for a part of a batch the same as for the whole."""
    token = _PLACE.set(place)
    try:
        yield
    finally:
        _PLACE.reset(token)
