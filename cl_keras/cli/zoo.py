# SPDX-License-Identifier: Apache-2.0
"""`cl-keras zoo`."""

from __future__ import annotations

import json as json_format
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
from cl_keras.cli.output import show, show_rows

app = typer.Typer(help="List, inspect, fetch, check and add pretrained encoders.")


@app.command("list")
def list_entries(
    pattern: Annotated[str, typer.Argument(help="Such as 'simclr*'.")] = "*",
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
    """Show all that is known of an encoder."""
    from cl_keras import zoo

    row = zoo.info(name, registry=registry)
    show(json_format.loads(row.to_json()), json)


@app.command()
def fetch(name: ZooName, registry: Registry = None, json: Json = False) -> None:
    """Fetch an encoder's files, verified, and print where its SavedModel is."""
    from cl_keras import zoo

    folder = zoo.saved_model(name, registry=registry)
    show({"name": name, "saved_model": str(folder)}, json)


@app.command()
def verify(
    name: OptionalZooName = None,
    scores: Annotated[
        bool, typer.Option("--scores", help="Compute the card's numbers again too.")
    ] = False,
    registry: Registry = None,
    json: Json = False,
) -> None:
    """Compare encoders with what their rows say: all of them, or one.

    Files by their SHA-256; with --scores also the numbers of the card, on its data. A
    difference of over half a point fails: exit code 1.
    """
    from cl_keras import zoo

    checks: list[tuple[str, str, bool, str]] = []
    intact = []
    for entry in [name] if name is not None else zoo.list(registry=registry):
        files = zoo.verify(entry, registry=registry)
        checks += [(entry, *file) for file in files]
        intact += [entry] * all(file.ok for file in files)
    if scores:
        # Not before: without scores there is no need for TensorFlow.
        from cl_keras import runs

        checks += runs.verify_scores(*intact, registry=registry)
    show_rows(("name", "what", "ok", "detail"), checks, "checks", json)
    raise typer.Exit(0 if all(check[2] for check in checks) else 1)


@app.command()
def renew(
    name: ZooName,
    scores: Annotated[
        bool,
        typer.Option(
            "--scores/--no-scores",
            help="Compute the card's numbers again, on the entry's data.",
        ),
    ] = True,
    figure: Annotated[
        bool, typer.Option("--figure/--no-figure", help="Draw the card's figure again.")
    ] = True,
    round_weights: Annotated[
        bool,
        typer.Option(
            "--round-weights",
            help="Round the weights to half the digits, which makes a new version.",
        ),
    ] = False,
    registry: Registry = None,
    json: Json = False,
) -> None:
    """Write an entry anew from its encoder: export, scores, figure, row and card.

    The weights stay, and what is written by hand on the card. Needs no run.
    """
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
    """Print a page of all encoders and their cards, in Markdown."""
    from cl_keras import zoo

    print(zoo.page(registry=registry))


@app.command()
def recipes(json: Json = False) -> None:
    """List how encoders are trained: for `cl-keras train --recipe NAME`."""
    from cl_keras import zoo

    found = [zoo.recipe(name) for name in zoo.recipes()]
    table = [(r.name, "yes" if r.ran else "no", r.command) for r in found]
    show_rows(("name", "trained here", "command"), table, "recipes", json)


WeightsLicense = Annotated[
    str, typer.Option(help="Licence of the weights, as their publishers say.")
]
ImportSource = Annotated[
    str | None,
    typer.Option(
        help="moco_v2, moco_v3, simsiam, swav, dino, barlow_twins, vicreg, lightly, "
        "solo_learn, timm, torchvision, ...; by default guessed."
    ),
]
Scaling = Annotated[
    str | None,
    typer.Option(
        help="imagenet, cifar10, cifar100 or symmetric; by default the source's."
    ),
]
Pooling = Annotated[
    str | None, typer.Option(help="Of a ViT: token, mean or mean_of_norms.")
]
Metrics = Annotated[
    str | None,
    typer.Option(help="Scores to compute on --data, as of cl-keras evaluate."),
]


@app.command("import")
def import_checkpoint(
    checkpoint: Annotated[
        Path, typer.Argument(help=".safetensors, .pth, .pt, .ckpt or .tar.")
    ],
    name: Annotated[str, typer.Option(help="Name of the entry.")],
    registry: Annotated[Path, typer.Option(metavar="DIR", help="Registry directory.")],
    license_weights: WeightsLicense,
    license_data: Annotated[str, typer.Option(help="Licence of the training data.")],
    source: ImportSource = None,
    image_size: Annotated[int, typer.Option(help="Side of the images.")] = 224,
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
    overwrite: Annotated[bool, typer.Option(help="Replace an entry.")] = False,
    json: Json = False,
) -> None:
    """Make an entry of weights that were published for PyTorch.

    .safetensors needs the extra `checkpoints`, others `torch`. --data gives scores.
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
    registry: Annotated[Path, typer.Option(metavar="DIR", help="Registry directory.")],
    name: Annotated[
        str | None, typer.Option(help="By default method_encoder_dataset.")
    ] = None,
    recipe: Annotated[
        str | None, typer.Option(help="The recipe it was trained by.")
    ] = None,
    metrics: Annotated[
        str | None,
        typer.Option(help="Scores to compute for the card, as of cl-keras evaluate."),
    ] = None,
    repeat: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="RUN",
            help="A run of the same settings with another seed, for the spread of the "
            "scores; may be given several times.",
        ),
    ] = None,
    saved_model: Annotated[
        str | None, typer.Option(metavar="DIR", help="Export to publish; the run's.")
    ] = None,
    round_weights: Annotated[
        bool,
        typer.Option(
            "--round-weights",
            help="Publish weights of half the digits, which compress to half the size.",
        ),
    ] = False,
    license_data: Annotated[str, typer.Option(help="Licence of the data.")] = "unknown",
    overwrite: Annotated[bool, typer.Option(help="Replace an entry.")] = False,
    json: Json = False,
) -> None:
    """Make a row and a card of a run, and copy its encoder beside them."""
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
