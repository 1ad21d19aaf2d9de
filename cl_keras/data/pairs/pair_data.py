# SPDX-License-Identifier: Apache-2.0
"""What every source of paired data returns, and its training pipeline."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from cl_keras import check
from cl_keras.data.examples import Examples
from cl_keras.data.order import prepared, row_batches
from cl_keras.data.sequences.windows import random_moments
from cl_keras.labels import labels_in_range


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class PairData(Examples):
    """Pairs of inputs of any two kinds in memory, with labels where they are known.

    Args:
        name: Where the pairs come from, such as `"pairs:a.npz,b.npz"`.
        inputs: Two arrays by name, `(count, ...)`: row n of one and row n of the other
            are a pair. uint8 of images, else float32.
        labels: One a pair, as in `ImageData`, or None.
        class_names: Name of each label, or None.
        groups: `(count,)`: pairs of one group, such as a person, stay together when
            some are held out; or None.
        skipped: Files that could not be used, each with the reason.
        sample_rate: Samples a second of series and waveforms, or None.
        waveforms: Names of the inputs that are waveforms, `(count, samples)`: others
            of this rank are vectors.

    Raises:
        ValueError: If there are not two arrays of as many rows, or values are not
            finite.
        TypeError: If they are neither uint8 nor float32.

    Example:
    >>> inputs = {"phone": np.zeros((8, 5), "f4"), "watch": np.zeros((8, 3), "f4")}
    >>> pairs = PairData("zeros", inputs)
    >>> len(pairs), pairs.shapes
    (8, {'phone': (5,), 'watch': (3,)})
    """

    name: str
    inputs: Mapping[str, np.ndarray]
    labels: np.ndarray | None = None
    class_names: tuple[str, ...] | None = None
    groups: np.ndarray | None = None
    skipped: tuple[str, ...] = ()
    sample_rate: int | None = None
    waveforms: tuple[str, ...] = ()

    by_row = ("inputs", "labels", "groups")

    def __post_init__(self) -> None:
        shapes = {name: np.shape(x) for name, x in self.inputs.items()}
        rows = {shape[:1] for shape in shapes.values()}
        if len(shapes) != 2 or len(rows) != 1 or rows & {(), (0,)}:
            raise ValueError(
                "Expected two arrays by name, with as many rows each, at least one. "
                f"Received: {shapes}"
            )
        for name, x in self.inputs.items():
            # They name folders of a run, and parts of its settings.
            if not re.fullmatch(r"\w[\w-]*", name):
                raise ValueError(
                    "Expected names of letters, digits, '_' and '-' for the inputs; "
                    f"`names` (data.names) gives them others. Received: {name!r}"
                )
            if x.dtype not in (np.uint8, np.float32):
                raise TypeError(
                    f"Expected uint8 or float32 arrays. Received: {x.dtype} of {name}"
                )
            if not np.isfinite(x).all():
                raise ValueError(
                    f"Expected finite values. Received: NaN or infinity in {name}"
                )
        for name in self.waveforms:
            if len(shapes.get(name, ())) != 2 or self.inputs[name].dtype == np.uint8:
                raise ValueError(
                    "Expected waveforms among the inputs, (count, samples) float32. "
                    f"Received: {name!r}, and inputs {shapes}"
                )
        if self.labels is not None:
            labels, names = labels_in_range(
                self.labels, len(self), "a pair", self.class_names
            )
            object.__setattr__(self, "labels", labels)
            object.__setattr__(self, "class_names", names)
        if self.groups is not None and np.shape(self.groups) != (len(self),):
            raise ValueError(
                f"Expected one group a pair, ({len(self)},). Received: shape "
                f"{np.shape(self.groups)}"
            )

    def __len__(self) -> int:
        return len(next(iter(self.inputs.values())))

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of one input of each kind."""
        return {name: x.shape[1:] for name, x in self.inputs.items()}

    @property
    def series(self) -> dict[str, int]:
        """Steps of each input that has a time: waveforms, and series of vectors."""
        return {
            name: shape[0]
            for name, shape in self.shapes.items()
            if name in self.waveforms or len(shape) == 2
        }


def pair_batches(
    data: PairData,
    batch_size: int,
    *,
    window: int | None = None,
    shuffle: bool = True,
    seed: int = 0,
    drop_remainder: bool = True,
    repeat: bool = False,
    start: int = 0,
    worker: tuple[int, int] = (0, 1),
) -> tf.data.Dataset:
    """Builds the training pipeline of pairs, as `methods.PairModel` takes them.

    Order, seeds and workers are as in `windows`.

    Args:
        data: Pairs; labels are dropped.
        batch_size: Pairs in a batch.
        window: Samples, or time steps, that each epoch draws anew of each pair: of
            both inputs at the same moment, where both have a time. None takes all.
        shuffle: Whether to draw a new order for each epoch.
        seed: Seed of the order.
        drop_remainder: Whether to leave out a last batch that is not full.
        repeat: Whether to go on without end; then give `fit` its `steps_per_epoch`.
        start: Step to begin at, with `repeat`.
        worker: This worker's number and how many there are, with `repeat`: each takes
            its own pairs of every batch.

    Returns:
        A dataset of dicts with the names of the inputs: `(batch, ...)` each, of
        series `(batch, window, ...)`.

    Raises:
        ValueError: If an argument is out of range or an epoch has no batch.

    Example:
    >>> inputs = {"phone": np.zeros((8, 5), "f4"), "watch": np.zeros((8, 3), "f4")}
    >>> dataset = pair_batches(PairData("zeros", inputs), batch_size=4)
    >>> len(dataset), next(iter(dataset))["watch"].shape.as_list()
    (2, [4, 3])
    """
    check.at_least(1, batch_size=batch_size)
    steps = 0 if window is None else _steps(data, window)
    # tf.data runs on the CPU; captured once, outside the graph.
    with tf.device("CPU"):
        inputs = {name: tf.constant(x) for name, x in data.inputs.items()}
    numbers = row_batches(
        len(data),
        batch_size,
        shuffle=shuffle,
        seed=seed,
        drop_remainder=drop_remainder,
        repeat=repeat,
        start=start,
        worker=worker,
    )

    def pairs(rows: tf.Tensor, window_seed: tf.Tensor) -> dict[str, tf.Tensor]:
        taken = {name: tf.gather(x, rows) for name, x in inputs.items()}
        if window is None:
            return taken
        size = tf.fill([tf.shape(rows)[0], 1], tf.constant(steps, tf.int64))
        moments = random_moments(size, window, window_seed)
        return taken | {
            name: tf.gather(taken[name], moments, batch_dims=1) for name in data.series
        }

    return prepared(numbers, pairs)


def _steps(data: PairData, window: int) -> int:
    """Steps of the series, of which there must be some, to draw windows from."""
    check.at_least(1, window=window)
    lengths = {*data.series.values()}
    if len(lengths) != 1 or window > max(lengths):
        raise ValueError(
            "Expected series or recordings of one length, at least that of the window, "
            f"{window}, to draw it from. Received: {data.name}, whose inputs are "
            f"{data.shapes}"
        )
    return max(lengths)
