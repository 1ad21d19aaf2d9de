# SPDX-License-Identifier: Apache-2.0
"""Options that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

from cl_keras.cli.completion import data_strings, method_names, targets, zoo_names

Method = Annotated[
    str, typer.Argument(help="See `cl-keras methods`.", autocompletion=method_names)
]
OptionalMethod = Annotated[
    str | None,
    typer.Argument(help="See `cl-keras methods`.", autocompletion=method_names),
]
Methods = Annotated[
    list[str],
    typer.Argument(help="See `cl-keras methods`.", autocompletion=method_names),
]
Target = Annotated[
    str,
    typer.Argument(
        help="Run folder, .keras file, SavedModel folder or zoo name.",
        autocompletion=targets,
    ),
]
ZooName = Annotated[
    str, typer.Argument(help="See `cl-keras zoo list`.", autocompletion=zoo_names)
]
OptionalZooName = Annotated[
    str | None,
    typer.Argument(help="See `cl-keras zoo list`.", autocompletion=zoo_names),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Registry = Annotated[
    str | None, typer.Option(help="Registry directory of your own.", metavar="DIR")
]
Data = Annotated[
    str | None,
    typer.Option(
        metavar="SPEC",
        help="digits, folder:PATH, npz:PATH, ...",
        autocompletion=data_strings,
    ),
]
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
TestData = Annotated[
    str | None,
    typer.Option(
        metavar="SPEC",
        help="Test images. By default the test part of the data, or a fifth of it "
        "that is held out of training.",
        autocompletion=data_strings,
    ),
]
ProbeData = Annotated[
    str | None,
    typer.Option(
        metavar="SPEC",
        help="Separate labelled data to score the encoder on, of the same kind; by "
        "default the data itself.",
        autocompletion=data_strings,
    ),
]
DataOption = Annotated[
    str,
    typer.Option(
        metavar="SPEC",
        help="digits, folder:PATH (images or WAVs), npz:PATH, tfrecord:PATH, "
        "tfds:NAME, planetoid:NAME, tu:NAME, ...",
        autocompletion=data_strings,
    ),
]
# Where the value is None, the method's own default holds, else the general one.
Encoder = Annotated[
    str | None,
    typer.Option(help="compact_resnet, resnet18, dim_conv, keras:NAME, ..."),
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
    ),
]
