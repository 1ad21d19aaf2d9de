# SPDX-License-Identifier: Apache-2.0
"""Where a run trains: its devices, its workers and its environment."""

from __future__ import annotations

import contextlib
import os
import platform
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from cl_keras.data.service import check_reachable
from cl_keras.runs.checkpoint import newest
from cl_keras.runs.run_files import CHECKPOINT_FOLDER
from cl_keras.workers import Cluster


def check_devices(
    modality: str,
    cluster: Cluster | None,
    devices: int | None,
    jit_compile: bool | None,
) -> int | None:
    """Refuses what cannot be divided; returns the number of devices."""
    several = cluster is not None or (devices or 1) > 1
    if modality == "graph":
        if several:
            raise ValueError(
                "A graph cannot be divided among devices, and sets of graphs are here "
                "trained on as one graph each step. Take one device, or call "
                "`model.fit` in a strategy's scope on "
                "`cl_keras.data.graph_batches(..., stacked=True)`."
            )
        return 1
    if jit_compile and several:
        raise ValueError(
            "XLA compiles the step of a single device: leave out `jit_compile`, or "
            "train on one."
        )
    return devices


def check_service(data_service: str | None, cluster: Cluster | None) -> None:
    """Refuses a data service that several workers would share, or that is not there."""
    if data_service is None:
        return
    if cluster is not None:
        raise ValueError(
            "Expected a data service with one training process: workers that train "
            "together each make their own share of every batch. Received: "
            f"{data_service} and {len(cluster.workers)} workers"
        )
    check_reachable(data_service)


def check_read_elsewhere(data_service: str | None, images: Any) -> None:
    """Refuses files that only this process could read, with a data service."""
    if data_service is not None and getattr(images, "needs_pillow", False):
        raise ValueError(
            "Expected JPEG, PNG, GIF, BMP or WebP files for a data service, which "
            f"reads no others. Received: TIFF, HEIC or AVIF files in {images.name}; "
            "`cl-keras pack` makes records of them that it reads"
        )


def restart_advice(run: Path) -> Callable[[], str]:
    """What to do when a worker is lost, as far as is known at that moment."""

    def advice() -> str:
        found = newest(run / CHECKPOINT_FOLDER)
        if found is None:
            return "No checkpoint was written so far: start all workers again."
        return (
            f"The last checkpoint is {found}: start all workers again, with --resume, "
            "to go on from there."
        )

    return advice


def environment() -> dict[str, Any]:
    """Versions and devices a run was made with."""
    names = ("cl-keras", "tensorflow", "keras", "numpy")
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "directory": os.getcwd(),
        "devices": [d.device_type for d in tf.config.list_logical_devices()],
    } | {name: version(name) for name in names}


@contextlib.contextmanager
def dtype_policy(precision: str) -> Iterator[None]:
    """Makes layers in a precision; the caller's own is theirs again afterwards."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
