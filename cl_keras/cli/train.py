# SPDX-License-Identifier: Apache-2.0
"""`cl-keras train` and `cl-keras demo`."""

from __future__ import annotations

import shutil
import sys
import textwrap
import time
from pathlib import Path
from typing import Annotated

import typer

from cl_keras.cli.completion import recipe_names
from cl_keras.cli.options import (
    BatchSize,
    Data,
    Encoder,
    Epochs,
    ImageSize,
    Json,
    Neighbors,
    OptionalMethod,
    ProbeData,
    RunFolder,
    Seed,
    Setting,
    TestData,
)
from cl_keras.cli.output import command_line, show

_Recipe = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Take all from a recipe of the zoo (cl-keras zoo recipes); other "
        "options and --set change it.",
        autocompletion=recipe_names,
    ),
]
_LearningRate = Annotated[float | None, typer.Option(help="Peak, AdamW.")]
_WarmupEpochs = Annotated[float | None, typer.Option(help="Linear warm-up.")]
_Schedule = Annotated[str | None, typer.Option(help="cosine or constant.")]
_Patience = Annotated[
    int | None,
    typer.Option(help="Epochs without a lower loss after which training stops."),
]
_WeightDecay = Annotated[float | None, typer.Option(help="Decoupled.")]
_Precision = Annotated[
    str | None, typer.Option(help="float32, mixed_bfloat16 or mixed_float16.")
]
_Resume = Annotated[
    bool,
    typer.Option(
        "--resume", help="Go on with the run in DIR, if there is one, or start it."
    ),
]
_CheckpointSeconds = Annotated[
    float, typer.Option(help="Least time between two checkpoints.")
]
_Evaluate = Annotated[
    bool,
    typer.Option(
        "--evaluate/--no-evaluate",
        help="Score the encoder after training, where there are labels.",
    ),
]
_Draw = Annotated[
    bool,
    typer.Option("--draw/--no-draw", help="Draw the figures and the report."),
]
_Tensorboard = Annotated[
    bool,
    typer.Option(
        "--tensorboard", help="Write scalars and features for TensorBoard too."
    ),
]
_Minutes = Annotated[
    float | None,
    typer.Option(
        help="Time for everything: method, encoder, sizes, length and rate are chosen "
        "for it, but for those that you give."
    ),
]
_Workers = Annotated[
    str | None,
    typer.Option(
        metavar="HOST:PORT,...",
        help="All workers that train together; each starts this command with its "
        "own --task. The batch size is that of all together.",
    ),
]
_Task = Annotated[
    int | None, typer.Option(help="Number of this worker in --workers, from 0.")
]
_Devices = Annotated[
    int | None,
    typer.Option(help="GPUs of this machine; all by default. Without: CPUs."),
]
_JitCompile = Annotated[
    bool | None,
    typer.Option(
        "--jit-compile/--no-jit-compile",
        help="Compile the step with XLA; by default on a single GPU.",
    ),
]
_DataService = Annotated[
    str | None,
    typer.Option(
        metavar="grpc://HOST:PORT",
        help="Let a tf.data service (cl-keras data-service) make the batches.",
    ),
]

# What `--minutes` counts from: TensorFlow takes seconds to import.
_BEGAN = time.monotonic()
# Options that make the run's configuration, and those of how it is trained.
_OF_THE_RUN = (
    *("method", "recipe", "data", "out", "test_data", "probe_data", "encoder"),
    *("epochs", "batch_size", "learning_rate", "warmup_epochs", "schedule"),
    *("patience", "weight_decay", "image_size", "seed", "precision", "neighbors"),
)
_OF_THE_TRAINING = (
    *("evaluate", "draw", "resume", "checkpoint_seconds", "tensorboard"),
    *("devices", "jit_compile", "data_service"),
)


def train(
    method: OptionalMethod = None,
    data: Data = None,
    out: RunFolder = "runs/run",
    recipe: _Recipe = None,
    minutes: _Minutes = None,
    test_data: TestData = None,
    probe_data: ProbeData = None,
    encoder: Encoder = None,
    epochs: Epochs = None,
    batch_size: BatchSize = None,
    learning_rate: _LearningRate = None,
    warmup_epochs: _WarmupEpochs = None,
    schedule: _Schedule = None,
    patience: _Patience = None,
    weight_decay: _WeightDecay = None,
    image_size: ImageSize = None,
    seed: Seed = 0,
    precision: _Precision = None,
    neighbors: Neighbors = None,
    setting: Setting = None,
    resume: _Resume = False,
    checkpoint_seconds: _CheckpointSeconds = 30.0,
    evaluate: _Evaluate = True,
    draw: _Draw = True,
    tensorboard: _Tensorboard = False,
    workers: _Workers = None,
    task: _Task = None,
    devices: _Devices = None,
    jit_compile: _JitCompile = None,
    data_service: _DataService = None,
    json: Json = False,
) -> None:
    """Train an encoder without labels; evaluate, draw, export and check it."""
    given = dict(locals())
    from cl_keras import runs
    from cl_keras.runs.choose import planned
    from cl_keras.workers import Cluster, WorkerLost, leave

    options = {name: given[name] for name in _OF_THE_RUN}
    options["settings"] = runs.parse_settings(setting or [])
    if minutes is None:
        config, limit = runs.configure(**options), None
    else:
        plan = planned(minutes, resume=resume, began=_BEGAN, draw=draw, **options)
        config, limit = plan.config, plan.limit
        print(textwrap.fill(plan.reasons, 80), file=sys.stderr)
    cluster = Cluster.parse(workers, task)
    try:
        summary = runs.train(
            config,
            command=command_line(),
            cluster=cluster,
            limit=limit,
            **{name: given[name] for name in _OF_THE_TRAINING},
        )
    except WorkerLost as lost:
        print(f"error: {lost}", file=sys.stderr)
        leave(1)
    except runs.Interrupted as interrupted:
        print(interrupted, file=sys.stderr)
        raise typer.Exit(130) from interrupted
    show(summary, json)


def demo(
    out: RunFolder = "runs/demo",
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
    show(runs.demo(config, command=command_line()), json)
