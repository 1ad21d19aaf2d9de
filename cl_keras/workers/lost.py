# SPDX-License-Identifier: Apache-2.0
"""What is said and done where another worker is gone."""

from __future__ import annotations

import contextlib
import os
import re
import sys
from collections.abc import Callable, Iterator

import tensorflow as tf

from cl_keras.workers.cluster import Cluster

# What TensorFlow raises where it cannot go on without another worker.
LOSSES = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.FailedPreconditionError,
)
_TASK = re.compile(r"/job:worker/(?:replica:0/)?task:(\d+)")


class WorkerLost(RuntimeError):
    """Another worker has ended or cannot be reached: training cannot go on."""


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
    except LOSSES as error:
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
            f"needs all workers. {advice()}\nTensorFlow says: {first_line(error)}"
        ) from error


def leave(code: int) -> None:
    """Ends this process at once, where TensorFlow could wait for a lost worker.

    Args:
        code: Exit code.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def first_line(error: BaseException) -> str:
    r"""The line of TensorFlow's message that names a worker, else its first."""
    lines = [line for line in str(error).splitlines() if line.strip()]
    told = [line for line in lines if "task" in line or "eer" in line]
    return (told or lines or [type(error).__name__])[0].strip()[:300]
