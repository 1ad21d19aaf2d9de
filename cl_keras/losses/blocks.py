# SPDX-License-Identifier: Apache-2.0
"""Blocks of rows, and loops over pairs of blocks.

A contrastive loss compares every row with every other. The matrix of similarities
has B * B entries; loops over blocks visit it in parts, keep what a row needs (its
running sum), and compute the parts again in the backward pass. Memory grows with
B * D + block * block.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeAlias

import tensorflow as tf

# A block of float32 similarities has 2 MB and stays in the cache; on a GPU,
# where each operation has to be worth its launch, 64 MB (chosen, not measured).
CPU_BLOCK, GPU_BLOCK = 768, 4096

# exp(60) is 1e26: sums of billions of terms fit in float32, and exp(-60) too.
LARGEST_PRODUCT = 60.0

Sums: TypeAlias = tf.TensorArray


def in_blocks(rows: tf.Tensor, block: int | None) -> tuple[tf.Tensor, tf.Tensor]:
    """Divides rows into blocks of equal size, padding with zeros.

    A padded row has product 0 with everyone, so a loop leaves it out of its sums by
    the second result; in a backward pass its gradient is multiplied by its own zeros
    (as a key) or cut off (as a query).
    """
    if block is None:
        block = GPU_BLOCK if _has_gpu() else CPU_BLOCK
    n, width = tf.shape(rows)[0], rows.shape[-1]
    known = rows.shape[0] or n
    # No rows, as a replica may have at the end of an epoch, are one empty block.
    count = -(-known // block) if rows.shape[0] else tf.maximum(-(-n // block), 1)
    # Blocks of equal size: 1,100 rows become two of 550, not 768 and 332.
    size = -(-known // count)
    padding = count * size - n
    padded = tf.pad(rows, [[0, padding], [0, 0]])
    valid = tf.pad(tf.ones(n, rows.dtype), [[0, padding]])
    return tf.reshape(padded, [count, size, width]), tf.reshape(valid, [count, size])


def length(blocks: tf.Tensor) -> tf.Tensor | int:
    """Number of blocks, as an integer where it is known."""
    return blocks.shape[0] or tf.shape(blocks)[0]


def sums_like(blocks: tf.Tensor) -> Sums:
    """Zeros of the same form, that a loop adds to block by block.

    An array of blocks, not one tensor: adding to a part of a tensor that a loop
    carries copies the whole of it in each step.
    """
    sums = tf.TensorArray(
        blocks.dtype,
        length(blocks),
        element_shape=blocks.shape[1:],
        clear_after_read=False,
    )
    zeros = tf.zeros_like(blocks[0])
    return loop(length(blocks), lambda i, sums: (sums.write(i, zeros),), (sums,))[0]


def add(sums: Sums, index: tf.Tensor, update: tf.Tensor) -> Sums:
    """Adds to one block."""
    return sums.write(index, sums.read(index) + update)


def turned_sums_like(blocks: tf.Tensor) -> Sums:
    """As `sums_like`, for the transposes of the blocks.

    On CPUs the product a^T b takes half the time of its transpose, b^T a. Turned at
    once, XLA would make it the slow one again: so only at the end.
    """
    return sums_like(tf.transpose(blocks, [0, 2, 1]))


def turn(turned: Sums, sums: Sums, count: tf.Tensor | int) -> Sums:
    """Adds the transposes of `count` blocks to the sums."""
    return loop(
        count,
        lambda i, sums: (add(sums, i, tf.transpose(turned.read(i))),),
        (sums,),
    )[0]


def loop(
    count: tf.Tensor | int, body: Callable[..., tuple], start: tuple[Any, ...]
) -> tuple:
    """Runs `body(i, *state) -> state` for each i, one after the other."""
    _, *state = tf.while_loop(
        lambda i, *_: i < count,
        lambda i, *state: (i + 1, *body(i, *state)),
        (tf.constant(0), *start),
        # Several at once would hold several blocks of similarities.
        parallel_iterations=1,
    )
    return tuple(state)


@functools.cache
def _has_gpu() -> bool:
    return bool(tf.config.list_physical_devices("GPU"))
