# SPDX-License-Identifier: Apache-2.0
"""The order in which a training pipeline visits its examples."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from cl_keras.augment.draws import drawing_for
from cl_keras.seeds import check_seed
from cl_keras.untuned import ahead, untuned

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
    """Batches of a dataset without end, in an order that the seed alone decides."""

    def epoch(own: tf.Tensor) -> tf.data.Dataset:
        order = source.shuffle(buffer, seed=own, reshuffle_each_iteration=False)
        return order.batch(batch_size, drop_remainder=drop_remainder)

    return endless(epoch, seed)


def endless(
    epoch: Callable[[tf.Tensor], tf.data.Dataset], seed: int
) -> tf.data.Dataset:
    """Epoch after epoch, whose shuffles follow the seed alone."""
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
    """Gives each batch of a dataset a seed of its own, as `row_batches` does."""
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
    batches: tf.data.Dataset,
    make: Callable[..., Any],
    *,
    prefetch: bool = True,
    parallel: int = tf.data.AUTOTUNE,
) -> tf.data.Dataset:
    """Makes what a step takes of each batch: in parallel, in order, ahead of time."""

    def call(batch: Any, seed: tf.Tensor, *place: tf.Tensor) -> Any:
        with drawing_for(*place):
            return make(batch, seed)

    dataset = batches.map(call, num_parallel_calls=parallel, deterministic=True)
    return ahead(dataset) if prefetch else untuned(dataset)


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
