# SPDX-License-Identifier: Apache-2.0
"""Changes to the recipe `simclr_conv_cifar10`, scored on held-out images.

    python benchmarks/cifar10_search.py --images cifar10/train
    python benchmarks/cifar10_search.py --images cifar10/train --rows "batch 512"

The first row is the recipe at temperature 0.1, and each other row changes one thing of
that. A fifth of the training images is held out; the encoder learns from the others,
without labels, and is scored by kNN and a linear probe. The test set is not touched.
"""

from __future__ import annotations

import dataclasses
import tempfile
from typing import Any

import harness

from cl_keras import runs

RECIPE = "simclr_conv_cifar10"
# The temperature that the search began with; the recipe has 0.2 since.
TEMPERATURE = {"temperature": 0.1}
# One epoch of six views, as three epochs of two.
SIX_VIEWS = {"epochs": 1, "augment.global_views": 6, "data.view_sizes": [24]}
# What a row changes: fields of the run, and settings.
ROWS: dict[str, dict[str, Any]] = {
    "temperature 0.1": {},
    "views of 32 pixels throughout": {"data.view_sizes": [32]},
    "views of 16, 24 and 32 pixels": {"data.view_sizes": [16, 24, 32]},
    "512 features": {"encoder.features": 512},
    "4,096 features": {"encoder.features": 4096},
    "temperature 0.2": {"temperature": 0.2},
    "temperature 0.5": {"temperature": 0.5},
    "AdamW, 2e-3": {"learning_rate": 2e-3, "optimizer.name": "adamw"},
    "SGD with momentum, 0.1": {"learning_rate": 0.1, "optimizer.name": "sgd"},
    "LARS, 1": {"learning_rate": 1.0, "optimizer.name": "lars"},
    "rate 0.01": {"learning_rate": 0.01},
    "rate 0.04": {"learning_rate": 0.04},
    "batch 128": {"batch_size": 128},
    "batch 512": {"batch_size": 512},
    "crops from 0.08 of the area": {"augment.scale": [0.08, 1.0]},
    "crops from 0.4": {"augment.scale": [0.4, 1.0]},
    "grey images 0.1": {"augment.grayscale": 0.1},
    "colours half as strong": {"augment.strength": 0.25},
    "stages of 64, 256, 256": {"encoder.widths": [64, 256, 256]},
    "stages of 48, 96, 192": {"encoder.widths": [48, 96, 192]},
    "compact ResNet of width 64": {
        "encoder": "compact_resnet",
        "encoder.width": 64,
        "encoder.blocks": 1,
    },
    "float32": {"precision": "float32"},
    "DCL": {"method": "dcl"},
    "VICReg": {"method": "vicreg"},
    "BYOL": {"method": "byol"},
    "ReSA": {"method": "resa"},
    "LeJEPA, 6 views": {"method": "lejepa", **SIX_VIEWS, "augment.local_views": 0},
    "EMP-SSL, 6 views": {"method": "emp_ssl", **SIX_VIEWS},
}
OPTIONS = {"images": harness.REQUIRED, "epochs": 3, "seed": 0, "rows": [*ROWS]}


def config(changes: dict[str, Any], args: harness.Args, out: str) -> runs.TrainConfig:
    """The recipe with some changes, on a part of the training images."""
    fields = {field.name for field in dataclasses.fields(runs.TrainConfig)}
    given: dict[str, Any] = {k: v for k, v in changes.items() if k in fields}
    settings = {k: v for k, v in changes.items() if k not in fields}
    recipe = runs.TrainConfig.for_recipe(RECIPE, out=out, encoder=given.get("encoder"))
    known = dataclasses.asdict(recipe) | {"data": f"folder:{args.images}"}
    known |= {"test_data": None, "epochs": args.epochs, "seed": args.seed}
    known["warmup_epochs"] = 0.05 * args.epochs
    known["settings"] |= TEMPERATURE
    if (method := given.get("method", recipe.method)) != recipe.method:
        known["settings"] = _without(known["settings"], "temperature", "projector.")
    known |= given | {"settings": known["settings"] | settings, "method": method}
    return runs.TrainConfig.for_method(**known)


def _without(settings: dict[str, Any], *starts: str) -> dict[str, Any]:
    return {k: v for k, v in settings.items() if not k.startswith(starts)}


def main() -> None:
    args = harness.parse(__doc__, OPTIONS)
    if unknown := set(args.rows) - set(ROWS):
        raise SystemExit(f"Expected rows of {list(ROWS)}. Received: {unknown}")
    scores = {}
    for name in args.rows:
        with tempfile.TemporaryDirectory() as out:
            run = config(ROWS[name], args, out)
            options: dict[str, Any] = {"baselines": False, "finish": False}
            found = runs.train(run, **options)
        scores[name] = {
            "knn": round(found["knn_accuracy"], 3),
            "linear": round(found["linear_accuracy"], 3),
            "train_seconds": round(found["train_seconds"]),
        }
        harness.table(scores)
    harness.emit(args, {"rows": scores})


if __name__ == "__main__":
    main()
