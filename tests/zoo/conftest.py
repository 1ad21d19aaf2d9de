# SPDX-License-Identifier: Apache-2.0
"""A small encoder, published into a registry of its own."""

from __future__ import annotations

import dataclasses
import http.server
import json
import shutil
import threading

import keras
import numpy as np
import pytest

from cl_keras import artifact, export, zoo

layers = keras.layers
NAME = "simclr_tiny_digits"
FACTS = {
    "name": NAME,
    "method": "simclr",
    "encoder": "tiny",
    "data": "digits",
    "recipe": 'cl-keras train simclr --set "a=b: c"',
    "seed": 0,
    "epochs": 3,
    "scores": {"knn_accuracy": 0.91},
    "baselines": {"knn_accuracy_random_init": 0.5},
    "license_data": "CC-BY-4.0",
}


@pytest.fixture
def facts():
    """What is published with the encoder."""
    return dict(FACTS)


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """A trained encoder's two forms, and features to compare with."""
    keras.utils.set_random_seed(2)
    folder = tmp_path_factory.mktemp("made")
    encoder = keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            layers.Conv2D(4, 3, activation="relu"),
            layers.BatchNormalization(),
            layers.GlobalAveragePooling2D(),
            layers.Dense(5),
        ]
    )
    encoder.save(folder / "encoder.keras")
    version = export.saved_model(encoder, folder / "serving")
    x = np.random.default_rng(0).random((3, 8, 8, 3), np.float32)
    return folder / "encoder.keras", version, x, encoder.predict(x, verbose=0)


@pytest.fixture(scope="session")
def published(made, tmp_path_factory):
    directory = tmp_path_factory.mktemp("published")
    zoo.publish(made[0], made[1], directory, **FACTS)
    return directory


@pytest.fixture
def registry(published, tmp_path, monkeypatch):
    monkeypatch.setenv("CL_KERAS_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("CL_KERAS_OFFLINE", raising=False)
    monkeypatch.delenv("CL_KERAS_ZOO", raising=False)
    return shutil.copytree(published, tmp_path / "registry")


@pytest.fixture
def change_row(registry):
    """Edits fields of the registry's row, as whoever keeps it could."""

    def change(**changes):
        path = registry / "rows" / f"{NAME}.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
        return zoo.info(NAME, registry=registry)

    return change


@pytest.fixture
def plant(registry, change_row):
    """Puts a file into the registry as if it had been published."""

    def put(path):
        target = registry / "files" / NAME / "encoder.keras"
        shutil.copyfile(path, target)
        record = artifact.FileRecord.of(target.parent, "encoder.keras")
        change_row(files=[dataclasses.asdict(record)])

    return put


@pytest.fixture
def serve(registry, change_row):
    """Answers every request by a function of the handler."""
    servers = []

    def start(answer, login=""):
        class Handler(http.server.BaseHTTPRequestHandler):
            do_GET = answer

            def log_message(self, *args):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return change_row(source=f"http://{login}127.0.0.1:{server.server_port}/a")

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()
