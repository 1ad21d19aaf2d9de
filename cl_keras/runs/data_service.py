# SPDX-License-Identifier: Apache-2.0
"""The servers of tf.data service."""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from cl_keras.address import split_address
from cl_keras.data.service import SCHEME
from cl_keras.workers import leave

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def serve_dispatcher(
    *, port: int = 0, work_dir: str | None = None, ready: Callable[[str], Any]
) -> None:
    """Runs a dispatcher until the process is asked to end, and ends it."""
    _check_port(port)
    service = tf.data.experimental.service
    server = _started(
        lambda: service.DispatchServer(
            service.DispatcherConfig(
                port=port,
                work_dir=work_dir,
                fault_tolerant_mode=work_dir is not None,
            )
        )
    )
    _wait(server.target, ready)
    leave(0)


def serve_worker(
    dispatcher: str,
    *,
    port: int = 0,
    host: str = "localhost",
    ready: Callable[[str], Any],
) -> None:
    """Runs a worker until the process is asked to end, and ends it.

    A worker that has begun a part of a pipeline when it is stopped takes it along.
    """
    address = dispatcher.removeprefix(SCHEME)
    if split_address(address) is None:
        raise ValueError(
            f"Expected the dispatcher as host:port. Received: {dispatcher!r}"
        )
    _check_port(port)
    service = tf.data.experimental.service
    server = _started(
        lambda: service.WorkerServer(
            service.WorkerConfig(
                dispatcher_address=address,
                worker_address=f"{host}:{port or '%port%'}",
                port=port,
            )
        )
    )
    _wait(server._address, ready)  # The only place where a free port is to be seen.
    # Deleted, it would first wait for what it is at, which may have no end.
    leave(0)


def _check_port(port: int) -> None:
    if not 0 <= port < 65536:
        raise ValueError(f"Expected a port from 0 to 65535. Received: port={port}")
    # TensorFlow's servers share a port with whoever has it, and each gets a part of
    # the requests.
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("", port))
        except OSError as error:
            raise RuntimeError(f"Port {port} is taken: {error.strerror}") from error


def _started(start: Callable[[], Any]) -> Any:
    try:
        return start()
    except tf.errors.OpError as error:
        raise RuntimeError(f"The server cannot start: {error.message}") from error


def _wait(address: str, ready: Callable[[str], Any]) -> None:
    """Waits for the signal to end, which `join` of a server would not hear."""
    ended = threading.Event()
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    for number in _SIGNALS:
        signal.signal(number, lambda *_: ended.set())
    try:
        ready(address)
        ended.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
