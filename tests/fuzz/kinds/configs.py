# SPDX-License-Identifier: Apache-2.0
"""Configurations and features in files."""

import json
from pathlib import Path

import numpy as np

from cl_keras import runs
from cl_keras.runs.features import read_features as read_features_file
from cl_keras.zoo import recipe_files
from fuzz.kind import Kind, damaged, files
from fuzz.kinds.graphs import zipped
from fuzz.kinds.tables import saved
from fuzz.kinds.weights import encoder
from fuzz.kinds.words import DEEP

CONFIG = {"method": "simclr", "data": "npz:a.npz", "out": "run", "neighbors": 5}


def configs() -> dict[str, bytes]:
    def of(**changes: object) -> bytes:
        return json.dumps(CONFIG | changes).encode()

    return damaged(of()) | {
        "brackets 100,000 deep": DEEP.encode(),
        "a list": b"[]",
        "no method": b'{"data": "digits", "out": "run"}',
        "a method that is a number": of(method=3),
        "epochs that are text": of(epochs="many"),
        "epochs of 0": of(epochs=0),
        "a rate of NaN": of(learning_rate=float("nan")),
        "settings that are a list": of(settings=[1]),
        "settings of a part that nobody has": of(settings={"encodr.width": 3}),
        "data that are a number": of(data=3),
        "an image size of text": of(image_size="big"),
        "a seed of minus 1": of(seed=-1),
        "UTF-16": of().decode().encode("utf-16"),
    }


def read_config(place: Path) -> str:
    model, facts = runs.load_encoder(f"run:{place}")
    return f"an encoder of {model.output_shape}, of {facts['data']}"


RECIPE = b'method = "simclr"\ndata = "digits"\n'


def recipes() -> dict[str, bytes]:
    good = RECIPE
    return damaged(good) | {
        "no method": b'data = "digits"\n',
        "a method twice": good + b'method = "cpc"\n',
        "a method that is a number": b'method = 3\ndata = "digits"\n',
        "an option that nobody has": good + b"colour = 3\n",
        "epochs that are text": good + b'epochs = "many"\n',
        "settings that are a list": good + b"settings = [1]\n",
        "a date": good + b"epochs = 2024-01-01\n",
        "tables 5,000 deep": good + b"[" + b"a." * 5000 + b"b]\n",
        "brackets 100,000 deep": good + b"a = " + b"[" * 100_000 + b"\n",
        "not UTF-8": good + b'note = "\xff"\n',
    }


def read_recipe(place: Path) -> str:
    folder, recipe_files._FOLDER = recipe_files._FOLDER, place
    try:
        return f"epochs {runs.TrainConfig.for_recipe('a', out='run').epochs}"
    finally:
        recipe_files._FOLDER = folder


ROWS, IDS = np.ones((4, 3), np.float32), np.array(["a", "b", "c", "d"])


FEATURES = saved(features=ROWS, ids=IDS)


def features() -> dict[str, bytes]:
    rows, ids = ROWS, IDS
    return damaged(FEATURES) | {
        "no ids": saved(features=rows),
        "too few ids": saved(features=rows, ids=ids[:2]),
        "features of one axis": saved(features=rows[0], ids=ids),
        "features of NaN": saved(features=rows * np.nan, ids=ids),
        "features that are text": saved(features=rows.astype(str), ids=ids),
        "objects": saved(features=rows.astype(object), ids=ids),
        "labels that are too few": saved(features=rows, ids=ids, label=[1]),
    }


def read_features(place: Path) -> str:
    found = read_features_file(place / "a.npz")
    return f"{len(found)} rows of {found.features.shape[1:]}"


def beside_encoder(place: Path) -> None:
    (place / "encoder.keras").write_bytes(zipped(encoder()))


def kinds() -> list[Kind]:
    either = ("a.toml", "epochs", "colour")
    return [
        *files(
            "config.json", "config.json", configs(), read_config, beside=beside_encoder
        ),
        *files("recipe", "a.toml", recipes(), read_recipe, names=either),
        *files("features", "a.npz", features(), read_features),
    ]
