# SPDX-License-Identifier: Apache-2.0
"""All devices that train together."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from cl_keras.workers.cluster import Cluster


@dataclasses.dataclass(frozen=True)
class Team:
    """All devices that train together, as `start` made them.

    Args:
        strategy: The `tf.distribute` strategy; None for a single device.
        cluster: The workers; None for a process by itself.

    Example:
    >>> Team().is_chief, Team().replicas
    (True, 1)
    """

    strategy: tf.distribute.Strategy | None = None
    cluster: Cluster | None = None

    @property
    def is_chief(self) -> bool:
        """Whether this process writes files."""
        return self.cluster is None or self.cluster.is_chief

    @property
    def replicas(self) -> int:
        """Devices of all workers together."""
        return self.strategy.num_replicas_in_sync if self.strategy else 1

    def scope(self) -> contextlib.AbstractContextManager[object]:
        """The scope in which a model has to be made or loaded."""
        return self.strategy.scope() if self.strategy else contextlib.nullcontext()

    def all_say(self, numbers: Sequence[int]) -> np.ndarray:
        """Shows every worker what every worker has to say.

        All workers must call it, at the same point of the program.

        Args:
            numbers: int64, as many on each worker.

        Returns:
            `(workers, numbers)` int64.

        Example:
        >>> Team().all_say([3, 4]).tolist()
        [[3, 4]]
        """
        if self.cluster is None:
            return np.array([numbers], np.int64)
        rows = self._gather(tf.constant([numbers], tf.int64)).numpy()
        # All devices of a worker say the same.
        return rows[:: len(rows) // len(self.cluster.workers)]

    def anyone_says(self, wishes: Sequence[bool]) -> list[bool]:
        """Says of each wish whether a worker has it; as `all_say`.

        Args:
            wishes: As many on each worker.

        Returns:
            As many, the same on each worker.

        Example:
        >>> Team().anyone_says([True, False])
        [True, False]
        """
        rows = self.all_say([int(wish) for wish in wishes])
        return [bool(column.any()) for column in rows.T]

    @functools.cached_property
    def _gather(self) -> Any:
        strategy: tf.distribute.Strategy = self.strategy

        def local(row: tf.Tensor) -> tf.Tensor:
            context = tf.distribute.get_replica_context()
            return context.all_gather(tf.identity(row), axis=0)

        @tf.function
        def gather(row: tf.Tensor) -> tf.Tensor:
            rows = strategy.run(local, args=(row,))
            return strategy.experimental_local_results(rows)[0]

        return gather

    def batches(
        self, dataset: tf.data.Dataset
    ) -> tf.data.Dataset | tf.distribute.DistributedDataset:
        """Hands a worker's share of every batch to `fit`, divided among its devices.

        Keras would take it for the whole batch and divide it by all workers again.

        Args:
            dataset: The worker's rows of each batch, as with `worker=` of
                `cl_keras.data.two_views`; whole batches where there are no workers.

        Returns:
            What `fit` takes as `x`.

        Example:
        >>> Team().batches(tf.data.Dataset.range(2)).element_spec.shape
        TensorShape([])
        """
        if self.cluster is None or self.strategy is None:
            return dataset
        devices = len(self.strategy.extended.worker_devices)

        def divided(*batch: Any) -> tf.data.Dataset:
            def part(number: tf.Tensor) -> Any:
                def cut(rows: tf.Tensor) -> tf.Tensor:
                    total = tf.shape(rows, tf.int64)[0]
                    begin = total * number // devices
                    return rows[begin : total * (number + 1) // devices]

                parts = tf.nest.map_structure(cut, batch)
                return parts if len(parts) > 1 else parts[0]

            return tf.data.Dataset.range(devices).map(part)

        if devices > 1:
            dataset = dataset.flat_map(divided)
        return self.strategy.distribute_datasets_from_function(lambda _: dataset)
