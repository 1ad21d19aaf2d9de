# SPDX-License-Identifier: Apache-2.0
"""`cl-keras embed`."""

from __future__ import annotations

import shlex
from typing import Annotated, Any

import typer

from cl_keras.cli.options import (
    Json,
    Label,
    Pattern,
    Registry,
    Setting,
    Source,
    Target,
)
from cl_keras.cli.output import show, show_skipping

_Out = Annotated[
    str,
    typer.Option(
        metavar="FILE_OR_DIR",
        help="A .npz or .parquet file; with --runner, a folder or URL.",
    ),
]
_Runner = Annotated[
    str | None,
    typer.Option(
        help="Use Apache Beam: direct, flink, spark or dataflow. Writes shards, and "
        "goes on where it stopped when started again."
    ),
]
_RunnerOptions = Annotated[
    str,
    typer.Option(
        metavar="OPTIONS",
        help="Options for Beam, in one string: '--flink_master=host:8081 ...'.",
    ),
]
_Output = Annotated[
    str | None,
    typer.Option("--format", help="With --runner: parquet (default) or tfrecord."),
]
_Shards = Annotated[int | None, typer.Option(help="With --runner: files to write.")]
_BatchSize = Annotated[
    int | None,
    typer.Option(help="With --runner: examples in each call; by default 256."),
]


def embed(
    target: Target,
    source: Source,
    out: _Out,
    runner: _Runner = None,
    runner_options: _RunnerOptions = "",
    output: _Output = None,
    shards: _Shards = None,
    batch_size: _BatchSize = None,
    pattern: Pattern = None,
    label: Label = None,
    setting: Setting = None,
    registry: Registry = None,
    json: Json = False,
) -> None:
    """Write the features of a data set to a file, with ids and labels."""
    from cl_keras import runs

    bulk: dict[str, Any] = {
        "output": output,
        "shards": shards,
        "batch_size": batch_size,
    }
    bulk = {name: value for name, value in bulk.items() if value is not None}
    if runner is not None:
        if setting:
            raise ValueError(f"--set {setting[0]}: only without --runner.")
        result = runs.embed_in_bulk(
            target,
            source,
            out=out,
            runner=runner,
            runner_options=shlex.split(runner_options),
            registry=registry,
            pattern=pattern,
            label=label,
            **bulk,
        )
        show(result, json)
        return
    if bulk or runner_options:
        names = sorted(bulk) + (["runner_options"] if runner_options else [])
        options = ", ".join(
            "--format" if name == "output" else f"--{name.replace('_', '-')}"
            for name in names
        )
        raise ValueError(f"{options}: only with --runner.")
    result = runs.embed(
        target,
        source,
        out=out,
        registry=registry,
        pattern=pattern,
        label=label,
        settings=runs.parse_settings(setting or []),
    )
    show_skipping(result, json)
