# SPDX-License-Identifier: Apache-2.0
"""Several devices and several workers: how they start, agree, and are lost.

A worker is one process on one machine with its devices; all run the same program.
Worker 0 is the chief: it alone writes files. What happens inside a training step is
`cl_keras.distribute`'s.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import json
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

TF_CONFIG = "TF_CONFIG"
# What TensorFlow raises where it cannot go on without another worker.
_LOSSES = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.FailedPreconditionError,
)
_running: Cluster | None = None  # TensorFlow allows one in the life of a process.
_ADDRESS = re.compile(r"(\[[0-9a-fA-F:]+\]|[\w.-]+):(\d{1,5})")
_TASK = re.compile(r"/job:worker/(?:replica:0/)?task:(\d+)")


class WorkerLost(RuntimeError):
    """Another worker has ended or cannot be reached: training cannot go on."""


@dataclasses.dataclass(frozen=True)
class Cluster:
    """The workers of a training run, and which of them this process is.

    Args:
        workers: Address of each, as `host:port`. All workers must be able to reach
            all of these.
        task: This process's number in the list.

    Raises:
        ValueError: If there is no such worker or an address is none.

    Example:
    >>> Cluster(("a:2222", "b:2222"), task=1).is_chief
    False
    """

    workers: tuple[str, ...]
    task: int = 0

    def __post_init__(self) -> None:
        for address in self.workers:
            match = _ADDRESS.fullmatch(address)
            if not match or not 0 < int(match[2]) < 65536:
                raise ValueError(
                    f"Expected workers as host:port. Received: {address!r}"
                )
        if len(set(self.workers)) != len(self.workers):
            raise ValueError(
                "Expected an address of its own for each worker. "
                f"Received: {', '.join(self.workers)}"
            )
        if not 0 <= self.task < len(self.workers):
            raise ValueError(
                f"Expected `task` in 0..{len(self.workers) - 1}, one of the "
                f"{len(self.workers)} workers. Received: task={self.task}"
            )

    @property
    def is_chief(self) -> bool:
        """Whether this is worker 0."""
        return self.task == 0

    @classmethod
    def parse(
        cls,
        workers: str | None = None,
        task: int | None = None,
        environ: Mapping[str, str] = os.environ,
    ) -> Cluster | None:
        """Reads who takes part from options, else from `TF_CONFIG`.

        Args:
            workers: Addresses, separated by commas.
            task: This process's number.
            environ: Where `TF_CONFIG` may be, as Kubeflow and others set it. Its
                chief, if there is one, is worker 0.

        Returns:
            The cluster; None for a process by itself.

        Raises:
            ValueError: If one option is missing, or `TF_CONFIG` cannot be used.

        Example:
        >>> Cluster.parse("a:2222,b:2222", 0, {}).workers
        ('a:2222', 'b:2222')
        >>> Cluster.parse(None, None, {}) is None
        True
        """
        if workers is None and task is None:
            return cls._from_tf_config(environ.get(TF_CONFIG, ""))
        if workers is None or task is None:
            raise ValueError(
                "Expected --workers and --task together. Received: "
                f"workers={workers}, task={task}"
            )
        addresses = (address.strip() for address in workers.split(","))
        return cls(tuple(filter(None, addresses)), task)

    @classmethod
    def _from_tf_config(cls, text: str) -> Cluster | None:
        if not text.strip():
            return None
        try:
            config = json.loads(text)
            jobs = {job: tuple(hosts) for job, hosts in config["cluster"].items()}
            kind, index = config["task"]["type"], int(config["task"]["index"])
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(
                f"TF_CONFIG is not understood ({type(error).__name__}: {error}). "
                f"Received: {text:.200}"
            ) from error
        unknown = set(jobs) - {"chief", "master", "worker"} or {kind} - set(jobs)
        if unknown:
            raise ValueError(
                "Expected TF_CONFIG with workers only, and a chief at most. "
                f"Received: {', '.join(sorted(unknown))}"
            )
        chiefs = jobs.get("chief", ()) + jobs.get("master", ())
        first = len(chiefs) if kind == "worker" else 0
        return cls(chiefs + jobs.get("worker", ()), first + index)

    def tf_config(self) -> str:
        """This cluster as `TF_CONFIG`.

        Returns:
            JSON.

        Example:
        >>> cluster = Cluster(("a:2222", "b:2222"), task=1)
        >>> Cluster.parse(environ={"TF_CONFIG": cluster.tf_config()}) == cluster
        True
        """
        task = {"type": "worker", "index": self.task}
        return json.dumps({"cluster": {"worker": list(self.workers)}, "task": task})


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

    strategy: Any = None
    cluster: Cluster | None = None

    @property
    def is_chief(self) -> bool:
        """Whether this process writes files."""
        return self.cluster is None or self.cluster.is_chief

    @property
    def replicas(self) -> int:
        """Devices of all workers together."""
        return self.strategy.num_replicas_in_sync if self.strategy else 1

    def scope(self) -> contextlib.AbstractContextManager[Any]:
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
        def local(row: tf.Tensor) -> tf.Tensor:
            context = tf.distribute.get_replica_context()
            return context.all_gather(tf.identity(row), axis=0)

        @tf.function
        def gather(row: tf.Tensor) -> tf.Tensor:
            rows = self.strategy.run(local, args=(row,))
            return self.strategy.experimental_local_results(rows)[0]

        return gather

    def batches(self, dataset: tf.data.Dataset) -> Any:
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
        if self.cluster is None:
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


def start(
    cluster: Cluster | None = None,
    devices: int | None = None,
    *,
    join_seconds: float = 600.0,
) -> Team:
    """Brings all devices of all workers together.

    To be called before TensorFlow has touched a device. GPUs take memory as they
    need it, not all at once, and talk to each other by NCCL.

    Args:
        cluster: The workers; None for this process alone.
        devices: Devices of this process: so many of its GPUs or, where there is none,
            as many logical CPUs, which are no faster but compute alike. None takes
            all GPUs, or one CPU.
        join_seconds: Longest time to wait for all workers to be there.

    Returns:
        The team, in whose scope the model is to be made.

    Raises:
        ValueError: If there are not so many devices.
        WorkerLost: If not all workers came.
        RuntimeError: If TensorFlow has started already.

    Example:
    >>> start().replicas
    1
    """
    gpus = tf.config.list_physical_devices("GPU")
    if devices is not None and devices < 1:
        raise ValueError(f"Expected at least one device. Received: {devices}")
    if gpus and devices is not None:
        if devices > len(gpus):
            raise ValueError(
                f"Expected at most {len(gpus)} devices, the GPUs of this machine. "
                f"Received: {devices}"
            )
        gpus = gpus[:devices]
        tf.config.set_visible_devices(gpus, "GPU")
    for gpu in gpus:
        # Once TensorFlow runs, as in a second training of a process, it is too late.
        with contextlib.suppress(RuntimeError):
            tf.config.experimental.set_memory_growth(gpu, True)
    if cluster is not None and len(cluster.workers) > 1:
        if not gpus and (devices or 1) > 1:
            raise ValueError(
                "Expected one device a worker: logical CPUs are for a process by "
                f"itself. Received: devices={devices}"
            )
        return Team(_multi_worker(cluster, bool(gpus), join_seconds), cluster)
    if gpus:
        names = [f"GPU:{number}" for number in range(len(gpus))]
    else:
        names = [f"CPU:{number}" for number in range(devices or 1)]
        if len(names) > 1:
            tf.config.set_logical_device_configuration(
                tf.config.list_physical_devices("CPU")[0],
                [tf.config.LogicalDeviceConfiguration()] * len(names),
            )
    if len(names) == 1:
        return Team()
    # It takes NCCL for several GPUs of one machine.
    return Team(tf.distribute.MirroredStrategy(names))


def _multi_worker(cluster: Cluster, gpus: bool, join_seconds: float) -> Any:
    # TensorFlow's own default is to wait for an hour. Heartbeats that fail for 10 s
    # make it end all that waits for the lost worker: that default is kept.
    from tensorflow.compiler.xla.tsl.protobuf import coordination_config_pb2
    from tensorflow.python.eager import context

    global _running
    os.environ[TF_CONFIG] = cluster.tf_config()
    job = coordination_config_pb2.CoordinatedJob(
        name="worker", num_tasks=len(cluster.workers)
    )
    context.context().configure_coordination_service(
        service_type="standalone",
        service_leader="/job:worker/replica:0/task:0",
        cluster_register_timeout_in_ms=int(join_seconds * 1000),
        coordinated_jobs=[job],
    )
    kinds = tf.distribute.experimental.CommunicationImplementation
    options = tf.distribute.experimental.CommunicationOptions(
        implementation=kinds.NCCL if gpus else kinds.AUTO
    )
    try:
        strategy = tf.distribute.MultiWorkerMirroredStrategy(
            communication_options=options
        )
    except _LOSSES as error:
        raise WorkerLost(
            f"Not all of the {len(cluster.workers)} workers "
            f"({', '.join(cluster.workers)}) came within {join_seconds:.0f} s, or "
            "they do not reach each other. Each must be started with the same list "
            f"and its own --task. TensorFlow says: {_first_line(error)}"
        ) from error
    _running = cluster
    return strategy


def own_share() -> tuple[int, int]:
    """Says which share of every batch is this worker's.

    Returns:
        This worker's number and how many there are, as the pipelines of
        `cl_keras.data` take it; `(0, 1)` before `start`.

    Example:
    >>> own_share()
    (0, 1)
    """
    return (0, 1) if _running is None else (_running.task, len(_running.workers))


@contextlib.contextmanager
def losses_explained(
    cluster: Cluster | None, advice: Callable[[], str] = str
) -> Iterator[None]:
    """Says in plain words which worker was lost, where TensorFlow notices one.

    Args:
        cluster: The workers, or None for a process by itself.
        advice: Gives what to do now, for the end of the message.

    Raises:
        WorkerLost: In place of TensorFlow's error.

    Example:
    >>> with losses_explained(None):
    ...     pass
    """
    try:
        yield
    except _LOSSES as error:
        if cluster is None or len(cluster.workers) < 2:
            raise
        text = str(error)
        named = {int(task) for task in _TASK.findall(text)} - {cluster.task}
        lost = ", ".join(
            f"worker {task} ({cluster.workers[task]})"
            for task in sorted(named)
            if task < len(cluster.workers)
        )
        raise WorkerLost(
            f"{lost or 'Another worker'} has ended or cannot be reached, and training "
            f"needs all workers. {advice()}\nTensorFlow says: {_first_line(error)}"
        ) from error


def leave(code: int) -> None:
    """Ends this process at once, where TensorFlow could wait for a lost worker.

    Args:
        code: Exit code.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _first_line(error: BaseException) -> str:
    lines = [line for line in str(error).splitlines() if line.strip()]
    told = [line for line in lines if "task" in line or "eer" in line]
    return (told or lines or [type(error).__name__])[0].strip()[:300]
