# SPDX-License-Identifier: Apache-2.0
"""Random numbers of a batch, of which a worker may hold a part only."""

from __future__ import annotations

import contextlib
import contextvars
from collections.abc import Iterator
from typing import Any

import tensorflow as tf

# Where the rows at hand begin in the batch, and how many it has.
_PLACE: contextvars.ContextVar[tuple[tf.Tensor, ...]] = contextvars.ContextVar(
    "place", default=()
)


def uniform(
    shape: Any, seed: Any, low: float = 0.0, high: float = 1.0, dtype: str = "float32"
) -> tf.Tensor:
    """Draws from [low, high), one row an example.

    Args:
        shape: `(batch, ...)`, of the examples at hand.
        seed: Two integers.
        low: Lower end.
        high: Upper end.
        dtype: Of the result.

    Returns:
        A tensor of this shape. Inside `drawing_for` its rows are those that the
        examples would get in the whole batch.

    Example:
    >>> uniform((2, 3), (0, 1)).shape.as_list()
    [2, 3]
    """
    place = _PLACE.get()
    if not place:
        return tf.random.stateless_uniform(shape, seed, low, high, dtype)
    begin, total = place
    shape = tf.convert_to_tensor(shape)
    whole = tf.concat([[tf.cast(total, shape.dtype)], shape[1:]], axis=0)
    values = tf.random.stateless_uniform(whole, seed, low, high, dtype)
    return values[begin : begin + tf.cast(shape[0], begin.dtype)]


def row_numbers(count: tf.Tensor) -> tf.Tensor:
    """Numbers examples, for draws that take a number in place of a row.

    Args:
        count: int32 scalar, the examples at hand.

    Returns:
        `(count,)` int32. Inside `drawing_for` their rows in the whole batch.

    Example:
    >>> row_numbers(tf.constant(3)).numpy().tolist()
    [0, 1, 2]
    """
    place = _PLACE.get()
    return tf.range(count) + (place[0] if place else 0)


@contextlib.contextmanager
def drawing_for(*place: tf.Tensor) -> Iterator[None]:
    """Makes draws for a part of a batch the same as for the whole.

    Args:
        *place: int32 scalars, the row at which the part begins and the rows of the
            whole; nothing where the part is the whole.

    Example:
    >>> whole = uniform((4,), (0, 1))
    >>> with drawing_for(tf.constant(2), tf.constant(4)):
    ...     part = uniform((2,), (0, 1))
    >>> bool(tf.reduce_all(part == whole[2:]))
    True
    """
    token = _PLACE.set(place)
    try:
        yield
    finally:
        _PLACE.reset(token)
