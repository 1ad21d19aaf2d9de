# SPDX-License-Identifier: Apache-2.0
"""`cl-keras tune`."""

from __future__ import annotations

from typing import Annotated

import typer

from cl_keras.cli.options import (
    BatchSize,
    DataOption,
    Encoder,
    Epochs,
    ImageSize,
    Json,
    Method,
    Neighbors,
    Seed,
    Setting,
    TestData,
)
from cl_keras.cli.output import show, show_rows


def tune(
    method: Method,
    tries: Annotated[
        list[str],
        typer.Option(
            "--try",
            metavar="NAME=VALUE,...",
            help="Values to try: learning_rate=1e-3,2e-3, temperature=0.1,0.2, ...; "
            "all combinations of several.",
        ),
    ],
    data: DataOption = "digits",
    out: Annotated[
        str, typer.Option(metavar="DIR", help="Folder of the search.")
    ] = "runs/tune",
    test_data: TestData = None,
    encoder: Encoder = None,
    epochs: Epochs = None,
    batch_size: BatchSize = None,
    image_size: ImageSize = None,
    seed: Seed = 0,
    neighbors: Neighbors = None,
    setting: Setting = None,
    json: Json = False,
) -> None:
    """Search for settings by short trainings; the test part is not looked at."""
    from cl_keras import runs

    config = runs.TrainConfig.for_method(
        method,
        data=data,
        out=out,
        test_data=test_data,
        encoder=encoder,
        epochs=epochs,
        batch_size=batch_size,
        image_size=image_size,
        seed=seed,
        neighbors=neighbors,
        settings=runs.parse_settings(setting or []),
    )
    result = runs.tune(config, runs.parse_tries(tries))
    if json:
        show(result, True)
        return
    rows = result["trials"]
    show_rows(list(rows[0]), [row.values() for row in rows], "trials", False)
    print(f"\nThe best, trained and scored:\n  {result['command']}")
