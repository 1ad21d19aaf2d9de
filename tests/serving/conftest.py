# SPDX-License-Identifier: Apache-2.0
"""A bundle of two versions, and a server for tests that has it."""

import json
import os
import subprocess
import sys
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from cl_keras import encoders, export

HERE = Path(__file__).parent


class TestServer:
    """A process of `prediction_server`, and its addresses."""

    __test__ = False

    def __init__(self, base, **options):
        self.base, self.options = base, options
        self.start()

    def start(self):
        words = [word for k, v in self.options.items() for word in (f"--{k}", str(v))]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "prediction_server", str(self.base), *words],
            env={**os.environ, "PYTHONPATH": str(HERE)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.address = json.loads(self.process.stdout.readline())

    def __getitem__(self, kind):
        return self.address[kind]

    def control(self, **wish):
        """Asks for faults or a delay; returns what has happened so far."""
        body = json.dumps(wish).encode()
        with urllib.request.urlopen(f"{self['rest']}/control", body) as answer:
            return json.load(answer)

    def kill(self):
        """By SIGKILL; `start` then has it again at the same addresses."""
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            pipe.close()
        for kind, option in (("grpc", "port"), ("rest", "rest-port")):
            self.options[option] = self[kind].rpartition(":")[2]

    def stop(self):
        self.process.stdin.close()
        self.process.wait(20)
        self.process.stdout.close()


@contextmanager
def running(base, **options):
    server = TestServer(base, **options)
    try:
        yield server
    finally:
        server.stop()


def image_encoder(seed):
    keras.utils.set_random_seed(seed)
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            layers.Conv2D(4, 3, activation="relu"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(5),
        ]
    )


class Bundle:
    """Versions 1 (stable) and 2 (canary) of a model, and images with the answers."""

    def __init__(self, base):
        self.base, self.name = base, base.name
        self.encoders = [image_encoder(1), image_encoder(2)]
        for encoder in self.encoders:
            export.saved_model(encoder, base)
            export.serving_kit(base)
        self.pixels = np.random.default_rng(0).integers(0, 256, (70, 8, 8, 3), np.uint8)
        self.floats = self.pixels.astype(np.float32) / 255
        self.files = [tf.io.encode_png(image).numpy() for image in self.pixels]
        self.expected = [e.predict(self.floats, verbose=0) for e in self.encoders]


@pytest.fixture(scope="session", autouse=True)
def _protos():
    pytest.importorskip("tensorflow_serving.apis", reason="extra `serving`")


@pytest.fixture(scope="session")
def bundle(tmp_path_factory):
    return Bundle(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="session")
def graphs(tmp_path_factory):
    """An encoder of graphs, and its bundle."""
    keras.utils.set_random_seed(0)
    encoder = encoders.gcn((6,), units=[4])
    base = tmp_path_factory.mktemp("graphs") / "graph"
    export.saved_model(encoder, base)
    return encoder, base


@pytest.fixture(scope="session")
def server(bundle):
    with running(bundle.base) as started:
        yield started


@pytest.fixture
def start():
    """Starts further servers."""
    return running
