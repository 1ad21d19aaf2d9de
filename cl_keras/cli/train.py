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

from cl_keras.cli.completion import method_names, recipe_names
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
    Setting,
    TestData,
)
from cl_keras.cli.output import command_line, print_error, show
from cl_keras.cli.run_result import print_demo, print_run

_STEPS, _AFTER, _MACHINES = "Training", "After training", "Machines"
_Recipe = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Start from a recipe of the zoo (`cl-keras zoo recipes`); other options "
        "change it.",
        autocompletion=recipe_names,
    ),
]
_LearningRate = Annotated[
    float | None, typer.Option(help="Highest learning rate.", rich_help_panel=_STEPS)
]
_WarmupEpochs = Annotated[
    float | None,
    typer.Option(
        help="Epochs until the rate is at its highest.", rich_help_panel=_STEPS
    ),
]
_Schedule = Annotated[
    str | None,
    typer.Option(help="Of the rate: cosine or constant.", rich_help_panel=_STEPS),
]
_Patience = Annotated[
    int | None,
    typer.Option(
        help="Stop after so many epochs without a lower loss.", rich_help_panel=_STEPS
    ),
]
_WeightDecay = Annotated[
    float | None, typer.Option(help="Weight decay of AdamW.", rich_help_panel=_STEPS)
]
_Seed = Annotated[
    int | None, typer.Option(help="Seed of weights, order and views; by default 0.")
]
_Precision = Annotated[
    str | None,
    typer.Option(
        help="float32, mixed_bfloat16 or mixed_float16.", rich_help_panel=_STEPS
    ),
]
_Resume = Annotated[
    bool,
    typer.Option(
        "--resume",
        help="Go on with the run in --out if there is one; with no other option as it "
        "began.",
    ),
]
_Close = Annotated[
    bool,
    typer.Option(
        "--close",
        help="With --resume: train no further; score and export what was reached.",
        rich_help_panel=_AFTER,
    ),
]
_CheckpointSeconds = Annotated[
    float,
    typer.Option(
        help="Least seconds between two checkpoints.", rich_help_panel=_MACHINES
    ),
]
_Evaluate = Annotated[
    bool,
    typer.Option(
        "--evaluate/--no-evaluate",
        help="Score the encoder if there are labels.",
        rich_help_panel=_AFTER,
    ),
]
_Draw = Annotated[
    bool,
    typer.Option(
        "--draw/--no-draw",
        help="Draw figures and write the report.",
        rich_help_panel=_AFTER,
    ),
]
_Tensorboard = Annotated[
    bool,
    typer.Option(
        "--tensorboard",
        help="Also write scalars and features for TensorBoard.",
        rich_help_panel=_AFTER,
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
        help="All machines that train together. Run this command on each, with its own "
        "--task; --batch-size is of all together.",
        rich_help_panel=_MACHINES,
    ),
]
_Task = Annotated[
    int | None,
    typer.Option(
        help="This machine's place in --workers, from 0.", rich_help_panel=_MACHINES
    ),
]
_Devices = Annotated[
    int | None,
    typer.Option(
        help="GPUs to use; by default all. Without GPUs: parts of the CPU.",
        rich_help_panel=_MACHINES,
    ),
]
_JitCompile = Annotated[
    bool | None,
    typer.Option(
        "--jit-compile/--no-jit-compile",
        help="Compile the step with XLA; by default on one GPU.",
        rich_help_panel=_STEPS,
    ),
]
_DataService = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS",
        help="Have a tf.data service make the batches, at grpc://HOST:PORT "
        "(`cl-keras data-service`).",
        rich_help_panel=_MACHINES,
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
    *("evaluate", "draw", "resume", "close", "checkpoint_seconds", "tensorboard"),
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
    seed: _Seed = None,
    precision: _Precision = None,
    neighbors: Neighbors = None,
    setting: Setting = None,
    resume: _Resume = False,
    close: _Close = False,
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
    """Train an encoder without labels; score, draw, export and check it.

    An epoch's line has loss; acc, how often the method's own task is solved (two views
    of an image find each other in the batch); kNN, accuracy on test examples; rank,
    the dimensions that the features use (RankMe).
    """
    given = dict(locals())
    from cl_keras import runs
    from cl_keras.runs.choose import planned
    from cl_keras.runs.command import begun
    from cl_keras.workers import Cluster, WorkerLost, leave

    options = {name: given[name] for name in _OF_THE_RUN}
    options["settings"] = runs.parse_settings(setting or [])
    there, command = None, command_line()
    if resume and (method, recipe, minutes) == (None, None, None):
        there = begun(draw=draw, **options)
    if there is not None:
        config, limit, command = there[0], there[1], there[2] or command
    elif minutes is None:
        config, limit = runs.configure(**options), None
    else:
        plan = planned(minutes, resume=resume, began=_BEGAN, draw=draw, **options)
        config, limit = plan.config, plan.limit
        print(textwrap.fill(plan.reasons, 80), file=sys.stderr)
    cluster = Cluster.parse(workers, task)
    try:
        summary = runs.train(
            config,
            command=command,
            cluster=cluster,
            limit=limit,
            **{name: given[name] for name in _OF_THE_TRAINING},
        )
    except WorkerLost as lost:
        print_error(lost)
        leave(1)
    except runs.Interrupted as interrupted:
        print(interrupted, file=sys.stderr)
        raise typer.Exit(130) from interrupted
    if json:
        show(summary, True)
    else:
        print_run(summary, out)


def demo(
    out: RunFolder = "runs/demo",
    method: Annotated[
        str,
        typer.Option(help="Any method for images.", autocompletion=method_names),
    ] = "simclr",
    data: Data = "scattered_digits",
    epochs: Annotated[
        int | None, typer.Option(help="Passes over the images; by default enough.")
    ] = None,
    json: Json = False,
) -> None:
    """See it work: train on real digit scans and compare, in a few minutes.

    Trains without labels, then scores, draws, exports and loads the encoder back.
    Replaces the results of an earlier demo in the same folder.
    """
    from cl_keras import runs

    config = runs.demo_config(out, data or "scattered_digits", epochs, method)
    folder = Path(out)
    if (folder / "zoo").is_dir() and (folder / "config.json").is_file():
        shutil.rmtree(folder)  # Only what an earlier demo has left.
    summary = runs.demo(config, command=command_line())
    if json:
        show(summary, True)
    else:
        print_demo(summary, out)
