# SPDX-License-Identifier: Apache-2.0
"""`cl-keras evaluate`."""

from __future__ import annotations

from typing import Annotated

import typer

from cl_keras.cli.options import Data, Json, Registry, TestData
from cl_keras.cli.output import show


def evaluate(
    target: Annotated[str, typer.Argument(help="Run folder, .keras file or zoo name.")],
    data: Data = None,
    test_data: TestData = None,
    k: Annotated[int | None, typer.Option(help="Number of neighbours.")] = None,
    registry: Registry = None,
    json: Json = False,
) -> None:
    """Score an encoder next to a random one and the raw inputs."""
    from cl_keras import runs

    scores = runs.evaluate(
        target, data_spec=data, test_spec=test_data, k=k, registry=registry
    )
    show(scores, json)
