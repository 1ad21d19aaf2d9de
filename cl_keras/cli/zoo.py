# SPDX-License-Identifier: Apache-2.0
"""`cl-keras zoo`."""

from __future__ import annotations

import json as json_format
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from cl_keras.cli.options import (
    Data,
    Json,
    OptionalZooName,
    Registry,
    TestData,
    ZooName,
)
from cl_keras.cli.output import console, show, show_rows
from cl_keras.cli.score_table import print_scores

_Check = tuple[str, str, bool, str]
app = typer.Typer(help="Find, load, check and publish pretrained encoders.")


@app.command("list")
def list_entries(
    pattern: Annotated[
        str, typer.Argument(help="Names to list, such as 'simclr*'.")
    ] = "*",
    registry: Registry = None,
    json: Json = False,
) -> None:
    """List pretrained encoders."""
    from cl_keras import zoo

    rows = zoo.rows(pattern, registry=registry)
    table = [(r.name, r.modality, r.features, r.parameters, r.data) for r in rows]
    show_rows(
        ("name", "modality", "features", "parameters", "data"), table, "encoders", json
    )


@app.command()
def info(name: ZooName, registry: Registry = None, json: Json = False) -> None:
    """Show what is known about an encoder."""
    from cl_keras import zoo

    row = zoo.info(name, registry=registry)
    facts = json_format.loads(row.to_json())
    if json:
        show(facts, True)
        return
    scores = {score: value["value"] for score, value in facts.pop("scores").items()}
    scores |= facts.pop("baselines")
    files, _ = facts.pop("files"), facts.pop("evaluation")
    facts["input_shape"] = " x ".join(map(str, facts["input_shape"]))
    facts["signatures"] = ", ".join(facts["signatures"])
    size = sum(file["size"] for file in files) / 2**20
    facts["files"] = f"{len(files)}, {size:.1f} MiB"
    show({key: x for key, x in facts.items() if x not in ({}, None, "")}, False)
    if scores:
        print_scores(scores, console())


@app.command()
def fetch(name: ZooName, registry: Registry = None, json: Json = False) -> None:
    """Download and verify an encoder, and print where its SavedModel is."""
    from cl_keras import zoo

    folder = zoo.saved_model(name, registry=registry)
    show({"name": name, "saved_model": str(folder)}, json)


@app.command()
def verify(
    name: OptionalZooName = None,
    scores: Annotated[
        bool, typer.Option("--scores", help="Also compute the scores again.")
    ] = False,
    registry: Registry = None,
    json: Json = False,
) -> None:
    """Check that encoders are as published: all of them, or one.

    Files by SHA-256; with --scores, also the scores of the card: more than half a point
    of difference fails (exit code 1).
    """
    from cl_keras import zoo

    files, scored = list[_Check](), list[_Check]()
    for entry in [name] if name is not None else zoo.list(registry=registry):
        files += [(entry, *file) for file in zoo.verify(entry, registry=registry)]
    if scores:
        # Not before: without scores there is no need for TensorFlow.
        from cl_keras import runs

        broken = {entry for entry, _, ok, _ in files if not ok}
        names = dict.fromkeys(entry for entry, *_ in files if entry not in broken)
        scored += runs.verify_scores(*names, registry=registry)
    shown = [*(files if json else _in_short(files)), *scored]
    show_rows(("name", "what", "ok", "detail"), shown, "checks", json)
    raise typer.Exit(0 if all(check[2] for check in [*files, *scored]) else 1)


def _in_short(files: list[_Check]) -> list[_Check]:
    """One row for all files of an entry that are as published."""
    intact = Counter(name for name, _, ok, _ in files if ok)
    rows = [(name, "files", True, f"{n} as published") for name, n in intact.items()]
    return rows + [file for file in files if not file[2]]


@app.command()
def renew(
    name: ZooName,
    scores: Annotated[
        bool,
        typer.Option(
            "--scores/--no-scores",
            help="Compute the scores again, on the data of the entry.",
        ),
    ] = True,
    figure: Annotated[
        bool,
        typer.Option("--figure/--no-figure", help="Draw the figure of the card again."),
    ] = True,
    round_weights: Annotated[
        bool,
        typer.Option(
            "--round-weights",
            help="Round the weights to half the digits; makes a new version.",
        ),
    ] = False,
    registry: Registry = None,
    json: Json = False,
) -> None:
    """Write the export, scores, figure, row and card of an entry anew."""
    from cl_keras import runs

    row = runs.renew_entry(
        name,
        registry=registry,
        scores=scores,
        figure=figure,
        rounded=round_weights,
    )
    found = {score: value["value"] for score, value in row.scores.items()}
    show({"name": row.name, "registry": str(row.root), **found}, json)


@app.command()
def page(registry: Registry = None) -> None:
    """Print one page of all encoders and their cards, in Markdown."""
    from cl_keras import zoo

    print(zoo.page(registry=registry))


@app.command()
def recipes(json: Json = False) -> None:
    """List the recipes for `cl-keras train --recipe NAME`."""
    from cl_keras import zoo

    found = [zoo.recipe(name) for name in zoo.recipes()]
    table = [(r.name, "yes" if r.ran else "no", r.command) for r in found]
    show_rows(("name", "trained here", "command"), table, "recipes", json)


WeightsLicense = Annotated[str, typer.Option(help="Licence of the weights.")]
ImportSource = Annotated[
    str | None,
    typer.Option(
        help="moco_v2, moco_v3, simsiam, swav, dino, barlow_twins, vicreg, lightly, "
        "solo_learn, timm, torchvision, ...; by default recognised."
    ),
]
Scaling = Annotated[
    str | None,
    typer.Option(
        help="imagenet, cifar10, cifar100 or symmetric; by default the source's."
    ),
]
Pooling = Annotated[
    str | None, typer.Option(help="How a ViT pools: token, mean or mean_of_norms.")
]
Metrics = Annotated[
    str | None,
    typer.Option(help="Scores to compute on --data; see `cl-keras evaluate`."),
]


@app.command("import")
def import_checkpoint(
    checkpoint: Annotated[
        Path, typer.Argument(help="A .safetensors, .pth, .pt, .ckpt or .tar file.")
    ],
    name: Annotated[str, typer.Option(help="Name of the entry.")],
    registry: Annotated[Path, typer.Option(metavar="DIR", help="Registry to add to.")],
    license_weights: WeightsLicense,
    license_data: Annotated[str, typer.Option(help="Licence of the training data.")],
    source: ImportSource = None,
    image_size: Annotated[
        int, typer.Option(help="Side of the images, in pixels.")
    ] = 224,
    trained_on: Annotated[
        str, typer.Option(help="What the weights were trained on.")
    ] = "unknown",
    method: Annotated[
        str | None, typer.Option(help="Training method; by default the source's.")
    ] = None,
    scaling: Scaling = None,
    pooling: Pooling = None,
    data: Data = None,
    test_data: TestData = None,
    metrics: Metrics = None,
    overwrite: Annotated[bool, typer.Option(help="Replace an existing entry.")] = False,
    json: Json = False,
) -> None:
    """Add weights that were published for PyTorch to a registry.

    .safetensors files need the extra `checkpoints`, others `torch`.
    """
    from cl_keras import runs

    row = runs.import_entry(
        checkpoint,
        registry,
        name=name,
        license_weights=license_weights,
        license_data=license_data,
        source=source,
        image_size=image_size,
        trained_on=trained_on,
        method=method,
        scaling=scaling,
        pooling=pooling,
        data=data,
        test_data=test_data,
        metrics=None if metrics is None else metrics.split(","),
        overwrite=overwrite,
    )
    told = ("encoder", "recipe", "preprocessing")
    facts = {key: getattr(row, key) for key in told}
    show({"name": row.name, "registry": str(registry), **facts}, json)


@app.command()
def add(
    run: Annotated[Path, typer.Argument(help="Folder of a finished run.")],
    registry: Annotated[Path, typer.Option(metavar="DIR", help="Registry to add to.")],
    name: Annotated[
        str | None,
        typer.Option(help="Name of the entry; by default method_encoder_dataset."),
    ] = None,
    recipe: Annotated[str | None, typer.Option(help="The recipe of the run.")] = None,
    metrics: Annotated[
        str | None,
        typer.Option(help="Scores for the card; see `cl-keras evaluate`."),
    ] = None,
    repeat: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="RUN",
            help="A run with another seed, for the spread of the scores; may be given "
            "several times.",
        ),
    ] = None,
    saved_model: Annotated[
        str | None,
        typer.Option(metavar="DIR", help="Export to publish; by default the run's."),
    ] = None,
    round_weights: Annotated[
        bool,
        typer.Option(
            "--round-weights",
            help="Round the weights to half the digits, for half the size.",
        ),
    ] = False,
    license_data: Annotated[str, typer.Option(help="Licence of the data.")] = "unknown",
    overwrite: Annotated[bool, typer.Option(help="Replace an existing entry.")] = False,
    json: Json = False,
) -> None:
    """Publish a run: copy its encoder to a registry, with a row and a card."""
    from cl_keras import runs

    row = runs.add_entry(
        run,
        registry,
        name=name,
        recipe=recipe,
        metrics=None if metrics is None else metrics.split(","),
        repeats=repeat or (),
        saved_model=saved_model,
        round_weights=round_weights,
        license_data=license_data,
        overwrite=overwrite,
    )
    show({"name": row.name, "registry": str(registry)}, json)
