# SPDX-License-Identifier: Apache-2.0
"""The training pipeline of sequences: random windows of one length."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeAlias

import numpy as np
import tensorflow as tf

from cl_keras import check
from cl_keras.augment import draws
from cl_keras.augment.view_maker import ViewMaker
from cl_keras.data.order import prepared, row_batches
from cl_keras.data.sequences.sequence_data import SequenceData
from cl_keras.registry import unknown

Sampling = Literal["proportional", "once"]
SAMPLING = ("proportional", "once")
Short = Literal["repeat", "pad", "leave_out"]
SHORT = ("repeat", "pad", "leave_out")
Views: TypeAlias = Callable[[tf.Tensor, tf.Tensor], tuple[tf.Tensor, ...]]


def windows(
    data: SequenceData,
    length: int,
    batch_size: int,
    *,
    sampling: Sampling = "proportional",
    short: Short = "repeat",
    views: Views | None = None,
    shuffle: bool = True,
    seed: int = 0,
    drop_remainder: bool = True,
    repeat: bool = False,
    start: int = 0,
    worker: tuple[int, int] = (0, 1),
) -> tf.data.Dataset:
    """Builds the training pipeline: shuffle, batch, a random window of each sequence.

    Each epoch draws windows and their order anew, with a stateless seed for each
    batch: two datasets made with the same arguments give the same sequence of
    epochs. With `repeat`, what step n sees follows from `seed` and n alone; without,
    the sequence also follows `tf.random.set_seed` (and so
    `keras.utils.set_random_seed`), as everywhere in tf.data. The sequences are held in
    memory a second time, end to end.

    Args:
        data: Sequences; labels are dropped.
        length: Samples, or time steps, of a window.
        batch_size: Windows in a batch.
        sampling: `"proportional"` takes as many windows of a sequence in an epoch as
            fit into it end to end, at least one; `"once"` takes one of each.
        short: What becomes of sequences shorter than a window: `"repeat"` starts
            them over until the window is full; `"pad"` appends zeros, which as
            frames of silence are easy to predict and alike in all sequences;
            `"leave_out"` drops them.
        views: Makes what a step takes of each window, called as `views(windows, seed)`
            with a batch of windows and two integers, such as
            `augment.AudioViews(crop=0.5)` or `augment.SeriesViews()`; None leaves
            windows as they are.
        shuffle: Whether to draw a new order of the windows for each epoch.
        seed: Seed of windows and order.
        drop_remainder: Whether to leave out a last batch that is not full.
        repeat: Whether to go on without end; then give `fit` its `steps_per_epoch`.
        start: Step to begin at, with `repeat`.
        worker: This worker's number and how many there are, with `repeat`: each takes
            its own windows of every batch, and makes the views of them that one worker
            would make; views of a function of your own are drawn per worker.

    Returns:
        A dataset of `(windows,)`, `(batch, length)` or `(batch, length, channels)`
        float32; with views of `(view1, view2)`.

    Raises:
        ValueError: If an argument is out of range or an epoch has no batch.

    Example:
    >>> data = SequenceData("noise", (np.zeros(900, np.float32),) * 8)
    >>> dataset = windows(data, length=400, batch_size=4)
    >>> len(dataset), next(iter(dataset))[0].shape.as_list()
    (4, [4, 400])
    """
    check.at_least(1, length=length, batch_size=batch_size)
    lengths = data.lengths
    rows = _sequences(lengths, length, sampling, short)
    if drop_remainder and len(rows) < batch_size:
        raise ValueError(
            f"Expected `batch_size` to be at most the number of windows, {len(rows)}, "
            f"or drop_remainder=False. Received: batch_size={batch_size}"
        )
    # tf.data runs on the CPU; captured once, outside the graph.
    with tf.device("CPU"):
        flat = tf.constant(np.concatenate(data.sequences))
        sizes = tf.constant(lengths)
        windows_of = tf.constant(rows)
        begins = tf.constant(np.cumsum(lengths) - lengths)

    def cut(batch: tf.Tensor, window_seed: tf.Tensor) -> tf.Tensor:
        size = tf.gather(sizes, batch)[:, tf.newaxis]
        offset = random_moments(size, length, window_seed)
        begin = tf.gather(begins, batch)[:, tf.newaxis]
        # A sequence as long as the window never wraps around.
        taken = tf.gather(flat, begin + offset % size)
        if short == "pad":
            inside = tf.reshape(
                offset < size, [-1, length, *[1] * (flat.shape.rank - 1)]
            )
            taken = tf.where(inside, taken, 0.0)
        return taken

    numbers = row_batches(
        len(rows),
        batch_size,
        shuffle=shuffle,
        seed=seed,
        drop_remainder=drop_remainder,
        repeat=repeat,
        start=start,
        worker=worker,
    )
    draw = _drawing(views, worker)
    return prepared(
        numbers, lambda rows, seed: draw(cut(tf.gather(windows_of, rows), seed), seed)
    )


def random_moments(size: tf.Tensor, length: int, seed: tf.Tensor) -> tf.Tensor:
    """Draws the steps of a window in each sequence, by their sizes, `(batch, 1)`.

    Of a sequence that is shorter than the window they go on past its end.
    """
    places = tf.maximum(size - length, 0) + 1
    share = draws.uniform(tf.shape(size), seed, dtype="float64")
    start = tf.cast(share * tf.cast(places, tf.float64), tf.int64)
    return start + tf.range(length, dtype=tf.int64)


def _drawing(views: Views | None, worker: tuple[int, int]) -> Views:
    """What makes a step's inputs of its windows."""

    def draw(windows: tf.Tensor, seed: tf.Tensor) -> tuple[tf.Tensor, ...]:
        if views is None:
            return (windows,)
        # Not the draws of the windows again.
        own = tf.random.experimental.stateless_fold_in(seed, 1)
        if worker[1] > 1 and not isinstance(views, ViewMaker):
            # Unknown views draw for the rows they see: not the same on all workers.
            own = tf.random.experimental.stateless_fold_in(own, worker[0])
        return tuple(views(windows, own))

    return draw


def _sequences(
    lengths: np.ndarray, length: int, sampling: Sampling, short: Short
) -> np.ndarray:
    """The sequence of each window of an epoch."""
    if sampling not in SAMPLING:
        raise unknown("sampling", sampling, SAMPLING)
    if short not in SHORT:
        raise unknown("treatment of short sequences", short, SHORT)
    counts = np.maximum(lengths // length, 1)
    if sampling == "once":
        counts = np.minimum(counts, 1)
    if short == "leave_out":
        counts = np.where(lengths < length, 0, counts)
    if not counts.any():
        raise ValueError(
            f"No sequence is as long as a window of {length}; the longest has "
            f"{lengths.max()}. Take shorter windows, or short='repeat'."
        )
    return np.repeat(np.arange(len(lengths)), counts)
