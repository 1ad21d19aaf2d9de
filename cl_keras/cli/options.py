# SPDX-License-Identifier: Apache-2.0
"""Options that several commands share."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from cl_keras.cli.completion import (
    data_strings,
    encoder_names,
    method_names,
    settings,
    targets,
    zoo_names,
)

_METHOD = typer.Argument(help="See `cl-keras methods`.", autocompletion=method_names)
OptionalMethod = Annotated[str | None, _METHOD]
Method = Annotated[str, _METHOD]
Methods = Annotated[list[str], _METHOD]
Target = Annotated[
    str,
    typer.Argument(
        help="Zoo name, run folder, .keras file, SavedModel folder, keras:NAME, "
        "checkpoint:PATH, ...",
        autocompletion=targets,
    ),
]
_ZOO_NAME = typer.Argument(help="See `cl-keras zoo list`.", autocompletion=zoo_names)
ZooName = Annotated[str, _ZOO_NAME]
OptionalZooName = Annotated[str | None, _ZOO_NAME]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Registry = Annotated[
    str | None, typer.Option(help="Registry directory of your own.", metavar="DIR")
]
RunFolder = Annotated[str, typer.Option(metavar="DIR", help="Run folder.")]
Source = Annotated[
    str,
    typer.Argument(
        metavar="SPEC_OR_PATH",
        help="Data string, folder, .npz or .tfrecord file.",
        autocompletion=data_strings,
    ),
]
Pattern = Annotated[
    str | None,
    typer.Option(
        metavar="REGEX",
        help=r"Labels in file names: named groups, as in (?P<kind>\w+)_\d+.",
    ),
]
Label = Annotated[
    str | None, typer.Option(help="The group of the pattern to use as labels.")
]


def _spec(text: str) -> Any:
    """An option that takes a data string."""
    return typer.Option(metavar="SPEC", help=text, autocompletion=data_strings)


Data = Annotated[str | None, _spec("digits, folder:PATH, npz:PATH, ...")]
TestData = Annotated[
    str | None,
    _spec(
        "Test images. By default the test part of the data, or a fifth of it that is "
        "held out of training."
    ),
]
ProbeData = Annotated[
    str | None,
    _spec(
        "Separate labelled data to score the encoder on, of the same kind; by default "
        "the data itself."
    ),
]
DataOption = Annotated[
    str,
    _spec(
        "digits, folder:PATH (images or WAVs), npz:PATH, tfrecord:PATH, tfds:NAME, "
        "planetoid:NAME, tu:NAME, ..."
    ),
]
# Where the value is None, the method's own default holds, else the general one.
Encoder = Annotated[
    str | None,
    typer.Option(
        help="compact_resnet, resnet18, vit_tiny, ...; or weights to start from: "
        "zoo:NAME, run:DIR, checkpoint:PATH, keras:NAME, keras_hub:PRESET.",
        autocompletion=encoder_names,
    ),
]
Epochs = Annotated[int | None, typer.Option(help="Passes over the data.")]
BatchSize = Annotated[int | None, typer.Option(help="Examples in a step.")]
ImageSize = Annotated[int | None, typer.Option(help="Side of the images, in pixels.")]
Seed = Annotated[int, typer.Option(help="Of weights, order and views.")]
Neighbors = Annotated[int | None, typer.Option(help="k of the kNN evaluation.")]
Setting = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="temperature=0.2, encoder.width=48, augment.blur=0.5, "
        "projector.depth=3, ...",
        autocompletion=settings,
    ),
]
