# SPDX-License-Identifier: Apache-2.0
"""`cl-keras train` and `cl-keras demo`."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path
from typing import Annotated

import typer

from cl_keras.cli.options import Data, Json, TestData
from cl_keras.cli.output import show


def _command() -> str:
    return shlex.join(["cl-keras", *sys.argv[1:]])


def train(
    method: Annotated[str, typer.Argument(help="See `cl-keras methods`.")],
    data: Annotated[
        str, typer.Option(metavar="SPEC", help="digits, folder:PATH or npz:PATH.")
    ] = "digits",
    out: Annotated[str, typer.Option(metavar="DIR", help="Run folder.")] = "runs/run",
    test_data: TestData = None,
    encoder: Annotated[
        str,
        typer.Option(help="compact_resnet, resnet18, resnet34, resnet50, keras:NAME."),
    ] = "compact_resnet",
    epochs: Annotated[int, typer.Option(help="Passes over the images.")] = 10,
    batch_size: Annotated[int, typer.Option(help="Images in a step.")] = 256,
    learning_rate: Annotated[float, typer.Option(help="Peak, AdamW.")] = 2e-3,
    warmup_epochs: Annotated[float, typer.Option(help="Linear warm-up.")] = 1.0,
    weight_decay: Annotated[float, typer.Option(help="Decoupled.")] = 1e-4,
    image_size: Annotated[
        int | None, typer.Option(help="Side of the images, in pixels.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of weights, order and views.")] = 0,
    precision: Annotated[
        str, typer.Option(help="float32, mixed_bfloat16 or mixed_float16.")
    ] = "float32",
    neighbors: Annotated[int, typer.Option(help="k of the kNN evaluation.")] = 200,
    setting: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="temperature=0.2, encoder.width=48, augment.blur=0.5, "
            "projector.depth=3, ...",
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Train an encoder without labels; evaluate, draw, export and check it."""
    from cl_keras import runs

    config = runs.TrainConfig(
        method=method,
        data=data,
        out=out,
        test_data=test_data,
        encoder=encoder,
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        warmup_epochs=warmup_epochs,
        weight_decay=weight_decay,
        image_size=image_size,
        seed=seed,
        precision=precision,
        neighbors=neighbors,
        settings=runs.parse_settings(setting or []),
    )
    show(runs.train(config, command=_command()), json)


def demo(
    out: Annotated[str, typer.Option(metavar="DIR", help="Run folder.")] = "runs/demo",
    data: Data = "digits",
    epochs: Annotated[int, typer.Option(help="Passes over the images.")] = 30,
    json: Json = False,
) -> None:
    """Go the whole way once on real digit scans. Replaces an earlier demo."""
    from cl_keras import runs

    folder = Path(out)
    if (folder / "zoo").is_dir() and (folder / "config.json").is_file():
        shutil.rmtree(folder)  # Only what an earlier demo has left.
    config = runs.demo_config(out, data or "digits", epochs)
    show(runs.demo(config, command=_command()), json)
