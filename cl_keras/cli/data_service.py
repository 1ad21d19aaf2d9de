# SPDX-License-Identifier: Apache-2.0
"""`cl-keras data-service`."""

from __future__ import annotations

import json as text
from typing import Annotated

import typer


def data_service(
    dispatcher: Annotated[
        str | None,
        typer.Option(
            metavar="HOST:PORT",
            help="Run a worker for this dispatcher; without it, run a dispatcher.",
        ),
    ] = None,
    port: Annotated[int, typer.Option(help="TCP port; 0 picks a free one.")] = 0,
    host: Annotated[
        str,
        typer.Option(help="Worker: name under which training reaches this machine."),
    ] = "localhost",
    work_dir: Annotated[
        str | None,
        typer.Option(
            metavar="DIR",
            help="Dispatcher: folder of a journal, to go on after a restart.",
        ),
    ] = None,
) -> None:
    """Run a tf.data service until stopped (Ctrl-C, SIGTERM)."""
    from cl_keras.runs import data_service as servers

    def ready(address: str) -> None:
        role = "dispatcher" if dispatcher is None else "worker"
        print(text.dumps({"role": role, "address": address}), flush=True)

    if dispatcher is None:
        servers.serve_dispatcher(port=port, work_dir=work_dir, ready=ready)
        return
    if work_dir is not None:
        raise ValueError("--work-dir is of a dispatcher, not of a worker.")
    servers.serve_worker(dispatcher, port=port, host=host, ready=ready)
