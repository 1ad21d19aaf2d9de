# SPDX-License-Identifier: Apache-2.0
"""The order in which a training pipeline visits its examples."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from cl_keras.augment.draws import drawing_for
from cl_keras.seeds import check_seed

ENDLESS = tf.int64.max
# Steps that follow each other on one worker of tf.data service. An epoch's order is
# drawn anew for each run of them.
RUN = 16


def row_batches(
    count: int,
    batch_size: int,
    *,
    shuffle: bool,
    seed: int,
    drop_remainder: bool,
    repeat: bool = False,
    start: int = 0,
    worker: tuple[int, int] = (0, 1),
) -> tf.data.Dataset:
    """Batches of row numbers, each with a seed of its own for random operations.

    The order of an epoch is a function of its number and the seed: with `repeat`,
    step n is the same whether the pipeline began at step 0 or at step n. Without it,
    every pass over the dataset is an epoch of its own, in a sequence that also follows
    `tf.random.set_seed`, as everywhere in tf.data.

    Args:
        count: Number of examples.
        batch_size: Rows in a batch.
        shuffle: Whether each epoch has an order of its own.
        seed: Of the order and of the batches' seeds.
        drop_remainder: Whether to leave out a last batch that is not full.
        repeat: Whether to go on without end.
        start: Step to begin at, with `repeat`: how many batches were taken before.
        worker: This worker's number and how many there are, with `repeat`. Each takes
            its own rows of every batch: in the order of the workers they are the
            batch of one worker.

    Returns:
        A dataset of `(rows, seed)`, int64 of shapes `(batch,)` and `(2,)`; on several
        workers also of the place of the rows in the batch, for `prepared`.

    Raises:
        ValueError: If `start` is negative, or given without `repeat`, or an epoch has
            no batch, or a batch not a row for each worker, or the seed is none.

    Example:
    >>> order = dict(shuffle=True, seed=0, drop_remainder=True, repeat=True)
    >>> first = [rows.numpy() for rows, _ in row_batches(6, 2, **order).take(5)]
    >>> (later, _) = next(iter(row_batches(6, 2, start=4, **order)))
    >>> bool((later.numpy() == first[4]).all())
    True
    """
    seed = check_seed(seed)
    _check_start(repeat, start)
    least = batch_size if drop_remainder else count % batch_size or batch_size
    _check_worker(worker, repeat, least)
    steps = count // batch_size if drop_remainder else -(-count // batch_size)
    if steps < 1:
        raise ValueError(
            "Expected at least one batch an epoch. Received: "
            f"{count} examples, batch_size={batch_size}"
        )

    def epoch(key: tf.Tensor, first: Any = 0, last: Any = steps) -> tf.data.Dataset:
        own = tf.random.experimental.stateless_fold_in([tf.int64.min + seed, key], 0)
        rows = tf.range(count, dtype=tf.int64)
        if shuffle:
            rows = tf.random.experimental.stateless_shuffle(rows, own)
        batches = tf.data.Dataset.from_tensor_slices(
            rows[first * batch_size : last * batch_size]
        )
        batches = batches.batch(batch_size, drop_remainder=drop_remainder)
        return batches.enumerate(first + 1).map(
            lambda step, rows: (
                rows,
                tf.random.experimental.stateless_fold_in(own, step),
            )
        )

    # Runs of steps, not whole epochs: what tf.data service hands to its workers, one
    # after the other, is what the first dataset gives. And none is skipped: each
    # worker would skip as many of its own.
    runs = -(-steps // RUN)

    def run(number: tf.Tensor) -> tf.data.Dataset:
        key, place = number // runs, number % runs
        first = tf.maximum(place * RUN, start - key * steps)
        return epoch(key, first, tf.minimum((place + 1) * RUN, steps))

    if repeat:
        first_run = start // steps * runs + start % steps // RUN
        dataset = tf.data.Dataset.range(first_run, ENDLESS).flat_map(run)
        length = tf.data.INFINITE_CARDINALITY
    else:
        keys = tf.data.Dataset.random(seed=seed, rerandomize_each_iteration=True)
        dataset, length = keys.take(1).flat_map(epoch), steps
    dataset = _own_rows(dataset, worker)
    return dataset.apply(tf.data.experimental.assert_cardinality(length))


def shuffled_batches(
    source: tf.data.Dataset,
    batch_size: int,
    *,
    buffer: int,
    seed: int,
    drop_remainder: bool,
) -> tf.data.Dataset:
    """Batches of a dataset without end, in an order that the seed alone decides.

    Args:
        source: A dataset of examples, read once an epoch.
        batch_size: Examples in a batch.
        buffer: Examples among which each next one is drawn.
        seed: Of the orders.
        drop_remainder: Whether to leave out a last batch that is not full.

    Returns:
        A dataset of batches; the order of an epoch follows from its number and the
        seed.

    Raises:
        ValueError: If the seed is none.

    Example:
    >>> numbers = tf.data.Dataset.range(4)
    >>> options = dict(buffer=4, seed=0, drop_remainder=True)
    >>> batches = shuffled_batches(numbers, 4, **options)
    >>> [sorted(batch.numpy().tolist()) for batch in batches.take(2)]
    [[0, 1, 2, 3], [0, 1, 2, 3]]
    """

    def epoch(own: tf.Tensor) -> tf.data.Dataset:
        order = source.shuffle(buffer, seed=own, reshuffle_each_iteration=False)
        return order.batch(batch_size, drop_remainder=drop_remainder)

    return endless(epoch, seed)


def endless(
    epoch: Callable[[tf.Tensor], tf.data.Dataset], seed: int
) -> tf.data.Dataset:
    """Epoch after epoch, whose shuffles follow the seed alone.

    Args:
        epoch: Makes an epoch of a seed for its shuffles, a scalar int64. They are
            given `reshuffle_each_iteration=False`.
        seed: Of all epochs.

    Returns:
        A dataset without end.

    Raises:
        ValueError: If the seed is none.

    Example:
    >>> numbers = tf.data.Dataset.range(3)
    >>> epochs = endless(lambda seed: numbers.shuffle(3, seed), seed=0)
    >>> int(sum(epochs.take(6).as_numpy_iterator()))
    6
    """
    seed = check_seed(seed)

    def numbered(number: tf.Tensor) -> tf.data.Dataset:
        # A shuffle mixes its seed with that of the graph around it, here of this
        # function's alone: elsewhere it is the program's global seed.
        tf.random.set_seed(1)
        own = tf.random.experimental.stateless_fold_in([tf.int64.min + seed, number], 0)
        return epoch(tf.cast(own[0], tf.int64))

    dataset = tf.data.Dataset.range(ENDLESS).flat_map(numbered)
    length = tf.data.INFINITE_CARDINALITY
    return dataset.apply(tf.data.experimental.assert_cardinality(length))


def seeded(
    batches: tf.data.Dataset,
    seed: int,
    *,
    repeat: bool = False,
    start: int = 0,
    worker: tuple[int, int] = (0, 1),
) -> tf.data.Dataset:
    """Gives each batch of a dataset a seed of its own, as `row_batches` does.

    Args:
        batches: A dataset whose order is its own affair. With `repeat`, it is read
            from its beginning up to `start`.
        seed: Of the batches' seeds.
        repeat: As in `row_batches`.
        start: As in `row_batches`.
        worker: As in `row_batches`; each worker reads all batches and takes its rows.

    Returns:
        A dataset of `(element, seed)`, the latter int64 of shape `(2,)`.

    Raises:
        ValueError: If `start` is negative, or given without `repeat`, or the seed is
            none.

    Example:
    >>> [seed.shape for _, seed in seeded(tf.data.Dataset.range(2), seed=0)]
    [TensorShape([2]), TensorShape([2])]
    """
    seed = check_seed(seed)
    _check_start(repeat, start)
    _check_worker(worker, repeat, worker[1])
    if repeat:
        steps = tf.data.Dataset.range(start, ENDLESS)
        seeds = steps.map(lambda step: tf.stack([tf.int64.min + seed, step]))
        dataset = tf.data.Dataset.zip(batches.repeat().skip(start), seeds)
    else:
        seeds = tf.data.Dataset.random(seed=seed, rerandomize_each_iteration=True)
        dataset = tf.data.Dataset.zip(batches, seeds.batch(2, drop_remainder=True))
    return _own_rows(dataset, worker)


def prepared(
    batches: tf.data.Dataset, make: Callable[..., Any], *, prefetch: bool = True
) -> tf.data.Dataset:
    """Makes what a step takes of each batch: in parallel, in order, ahead of time.

    Args:
        batches: As from `row_batches` or `seeded`.
        make: Called as `make(batch, seed)`.
        prefetch: Whether to prepare batches while the model trains.

    Returns:
        A dataset of what `make` returns.

    Example:
    >>> order = dict(shuffle=False, seed=0, drop_remainder=True)
    >>> rows = prepared(row_batches(4, 2, **order), lambda rows, seed: rows)
    >>> [batch.numpy().tolist() for batch in rows]
    [[0, 1], [2, 3]]
    """

    def call(batch: Any, seed: tf.Tensor, *place: tf.Tensor) -> Any:
        with drawing_for(*place):
            return make(batch, seed)

    dataset = batches.map(call, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    return dataset.prefetch(tf.data.AUTOTUNE) if prefetch else dataset


def _own_rows(batches: tf.data.Dataset, worker: tuple[int, int]) -> tf.data.Dataset:
    """Of `(batch, seed)` a worker's rows, the seed, where they begin, of how many."""
    number, workers = worker
    if workers == 1:
        return batches

    def cut(batch: Any, seed: tf.Tensor) -> tuple[Any, ...]:
        first = tf.nest.flatten(batch)[0]
        # A static size where there is one: so has what is made of the rows.
        total = first.shape[0] or tf.shape(first, tf.int64)[0]
        begin, end = (total * n // workers for n in (number, number + 1))
        own = tf.nest.map_structure(lambda rows: rows[begin:end], batch)
        place = (tf.cast(value, tf.int32) for value in (begin, total))
        return own, seed, *place

    return batches.map(cut)


def _check_worker(worker: tuple[int, int], repeat: bool, least: int) -> None:
    number, workers = worker
    if not 0 <= number < workers:
        raise ValueError(
            "Expected `worker` as this worker's number, from 0, and how many there "
            f"are. Received: worker={worker}"
        )
    if workers > 1 and not repeat:
        # The order would also follow the random state of each process.
        raise ValueError("Expected repeat=True with several workers.")
    if least < workers:
        raise ValueError(
            f"Expected an example of each batch for each of {workers} workers. "
            f"Received: a batch of {least}"
        )


def _check_start(repeat: bool, start: int) -> None:
    if start < 0 or (start and not repeat):
        raise ValueError(
            "Expected `start` as a number of steps, with repeat=True. Received: "
            f"start={start}, repeat={repeat}"
        )
