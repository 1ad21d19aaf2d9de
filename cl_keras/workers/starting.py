# SPDX-License-Identifier: Apache-2.0
"""Brings the devices of all workers together."""

from __future__ import annotations

import contextlib
import os
from typing import Any

import tensorflow as tf

from cl_keras.workers.cluster import TF_CONFIG, Cluster
from cl_keras.workers.lost import LOSSES, WorkerLost, first_line
from cl_keras.workers.team import Team

_running: Cluster | None = None  # TensorFlow allows one in the life of a process.


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
    except LOSSES as error:
        raise WorkerLost(
            f"Not all of the {len(cluster.workers)} workers "
            f"({', '.join(cluster.workers)}) came within {join_seconds:.0f} s, or "
            "they do not reach each other. Each must be started with the same list "
            f"and its own --task. TensorFlow says: {first_line(error)}"
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
