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

_METHOD = typer.Argument(
    help="`cl-keras methods` lists them.", autocompletion=method_names
)
OptionalMethod = Annotated[str | None, _METHOD]
Method = Annotated[str, _METHOD]
Methods = Annotated[list[str], _METHOD]
Target = Annotated[
    str,
    typer.Argument(
        help="An encoder: zoo name, run folder, .keras file, SavedModel folder, "
        "keras:NAME, checkpoint:PATH, ...",
        autocompletion=targets,
    ),
]
_ZOO_NAME = typer.Argument(
    help="`cl-keras zoo list` lists them.", autocompletion=zoo_names
)
ZooName = Annotated[str, _ZOO_NAME]
OptionalZooName = Annotated[str | None, _ZOO_NAME]
Json = Annotated[
    bool, typer.Option("--json", help="Print one JSON object instead of text.")
]
Registry = Annotated[
    str | None, typer.Option(help="Your own zoo registry.", metavar="DIR")
]
RunFolder = Annotated[str, typer.Option(metavar="DIR", help="Where the run is kept.")]
Source = Annotated[
    str,
    typer.Argument(
        metavar="SPEC_OR_PATH",
        help="The data: a data string, a folder, or a .npz or .tfrecord file.",
        autocompletion=data_strings,
    ),
]
Pattern = Annotated[
    str | None,
    typer.Option(
        metavar="REGEX",
        help=r"How file names hold labels: named groups, as in (?P<kind>\w+)_\d+.",
    ),
]
Label = Annotated[
    str | None, typer.Option(help="Which group of --pattern to use as labels.")
]


def _spec(text: str) -> Any:
    """An option that takes a data string."""
    return typer.Option(metavar="SPEC", help=text, autocompletion=data_strings)


Data = Annotated[str | None, _spec("The data: digits, folder:PATH, npz:PATH, ...")]
TestData = Annotated[
    str | None,
    _spec(
        "Data to test on; by default the test part of --data, or a fifth of it that is "
        "held out."
    ),
]
ProbeData = Annotated[
    str | None,
    _spec(
        "Other labelled data to score on, with a test part of its own; by default "
        "--data."
    ),
]
DataOption = Annotated[
    str,
    _spec(
        "The data: digits, folder:PATH, npz:PATH, tfrecord:PATH, tfds:NAME, "
        "planetoid:NAME, tu:NAME, ..."
    ),
]
# Where the value is None, the method's own default holds, else the general one.
Encoder = Annotated[
    str | None,
    typer.Option(
        help="A new one: compact_resnet, resnet18, vit_tiny, ...; or weights to go on "
        "from: zoo:NAME, run:DIR, checkpoint:PATH, keras:NAME, keras_hub:PRESET.",
        autocompletion=encoder_names,
    ),
]
Epochs = Annotated[int | None, typer.Option(help="Passes over the data.")]
BatchSize = Annotated[int | None, typer.Option(help="Examples in each step.")]
ImageSize = Annotated[int | None, typer.Option(help="Side of the images, in pixels.")]
Seed = Annotated[int, typer.Option(help="Seed of weights, order and views.")]
Neighbors = Annotated[
    int | None, typer.Option(help="Most neighbours (k) of the kNN score.")
]
Setting = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Change any setting: temperature=0.2, encoder.width=48, "
        "augment.blur=0.5, ...; may be given several times.",
        autocompletion=settings,
    ),
]
