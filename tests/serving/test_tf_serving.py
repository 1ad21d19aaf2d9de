# SPDX-License-Identifier: Apache-2.0
"""A bundle on a server, of which everything is asked: the real one, if there is one.

`CL_KERAS_TF_SERVING="grpc://HOST:8500,http://HOST:8501"` names a TensorFlow Serving
that runs, `CL_KERAS_TF_SERVING_MODEL` the model folder that it serves, with its kit.
Where Docker runs, the kit's compose file starts one. The same tests run against the
server that stands in for it here.
"""

from __future__ import annotations

import importlib
import json
import os
import shutil
import subprocess
import threading
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format
from replica_processes import free_addresses

from cl_keras import artifact
from cl_keras.export import probes
from cl_keras.export.client import EmbeddingClient

both = pytest.mark.parametrize("kind", ["grpc", "rest"])


@dataclass
class Served:
    """Addresses of a server, the model it has, and what the C++ loader gives here."""

    base: Path
    grpc: str
    rest: str
    real: bool

    def __post_init__(self):
        protos = importlib.import_module(
            "tensorflow_serving.config.model_server_config_pb2"
        )
        text = (self.base / "models.config").read_text()
        parsed = text_format.Parse(text, protos.ModelServerConfig())
        (config,) = parsed.model_config_list.config
        self.name, self.labels = config.name, dict(config.version_labels)
        self.folder = self.base / str(self.labels["stable"])
        self.manifest = artifact.read_manifest(self.folder)
        self._session = tf.compat.v1.Session(graph=tf.Graph())
        with self._session.graph.as_default():
            meta = tf.compat.v1.saved_model.load(
                self._session, ["serve"], str(self.folder)
            )
        self._signatures = meta.signature_def

    def client(self, kind, **options):
        options = {"label": "stable", "deadline": 60, **options}
        return EmbeddingClient(getattr(self, kind), model=self.name, **options)

    def rows(self, name, count):
        inputs = self.manifest["signatures"][name]["inputs"]
        return probes.rows(inputs, self.manifest["input"], count)

    def expected(self, name, feed):
        signature = self._signatures[name]
        fetches = {key: info.name for key, info in signature.outputs.items()}
        feeds = {signature.inputs[key].name: value for key, value in feed.items()}
        return self._session.run(fetches, feeds)

    def get(self, path):
        with urllib.request.urlopen(f"{self.rest}{path}", timeout=30) as answer:
            return answer.read().decode()


def compose(base, *words, **ports):
    return subprocess.run(
        ["docker", "compose", "--file", base / "compose.yaml", *words],
        env={**os.environ, **ports},
        capture_output=True,
        text=True,
        timeout=1_200,
    )


def has_docker():
    if not shutil.which("docker"):
        return False
    for words in (("info",), ("compose", "version")):
        done = subprocess.run(["docker", *words], capture_output=True, timeout=60)
        if done.returncode:
            return False
    return True


@pytest.fixture(scope="module", params=["test server", "TensorFlow Serving"])
def served(request):
    if request.param == "test server":
        bundle = request.getfixturevalue("bundle")
        server = request.getfixturevalue("server")
        yield Served(bundle.base, server["grpc"], server["rest"], real=False)
        return
    if addresses := os.environ.get("CL_KERAS_TF_SERVING"):
        grpc, rest = addresses.split(",")
        base = Path(os.environ["CL_KERAS_TF_SERVING_MODEL"])
        yield Served(base, grpc, rest, real=True)
        return
    if not has_docker():
        pytest.skip(
            "needs TensorFlow Serving: CL_KERAS_TF_SERVING names no address, and no "
            "Docker with compose answers"
        )
    base = request.getfixturevalue("bundle").base
    free = [address.rpartition(":")[2] for address in free_addresses(2)]
    ports = dict(zip(("GRPC_PORT", "REST_PORT"), free, strict=True))
    try:
        up = compose(base, "up", "--detach", "--build", "--wait", **ports)
        assert up.returncode == 0, up.stderr + compose(base, "logs", **ports).stdout
        yield Served(
            base,
            f"grpc://127.0.0.1:{ports['GRPC_PORT']}",
            f"http://127.0.0.1:{ports['REST_PORT']}",
            real=True,
        )
    finally:
        compose(base, "down", "--volumes", "--rmi", "local", **ports)


def test_all_versions_are_available(served):
    states = json.loads(served.get(f"/v1/models/{served.name}"))
    found = {
        int(state["version"]): state["state"]
        for state in states["model_version_status"]
    }
    assert {found[version] for version in served.labels.values()} == {"AVAILABLE"}


@both
def test_the_signatures_are_those_of_the_manifest(served, kind):
    with served.client(kind) as client:
        known = client.signatures()
    assert known.keys() == served.manifest["signatures"].keys()
    for name, signature in known.items():
        for side in ("inputs", "outputs"):
            wanted = served.manifest["signatures"][name][side]
            given = getattr(signature, side)
            assert given.keys() == wanted.keys()
            for key, tensor in given.items():
                dtype = "object" if wanted[key]["dtype"] == "string" else None
                assert tensor.dtype.name == (dtype or wanted[key]["dtype"])
                assert list(tensor.shape) == wanted[key]["shape"]


@pytest.mark.slow
@both
@pytest.mark.parametrize("count", [1, 7, 33, 70])
def test_every_signature_answers_as_the_loader_here(served, kind, count):
    for name in served.manifest["signatures"]:
        feed = served.rows(name, count)
        expected = served.expected(name, feed)
        examples = feed if len(feed) > 1 else list(next(iter(feed.values())))
        with served.client(kind, signature=name) as client:
            outputs = client.predict(examples)
        assert outputs.keys() == expected.keys()
        for key, value in expected.items():
            if value.dtype.kind == "f":
                np.testing.assert_allclose(outputs[key], value, atol=1e-5, rtol=1e-5)
            else:
                np.testing.assert_array_equal(outputs[key], value)


@both
def test_bad_rows_are_masked(served, kind):
    names = [
        name
        for name, signature in served.manifest["signatures"].items()
        if artifact.VALID in signature["outputs"]
    ]
    if not names:
        pytest.skip("a model that masks no rows")
    for name in names:
        ((key, rows),) = served.rows(name, 5).items()
        rows[2] = b"nothing that can be read"
        with served.client(kind, signature=name) as client:
            outputs = client.predict(list(rows))
        assert outputs[artifact.VALID].tolist() == [True, True, False, True, True]
        expected = served.expected(name, {key: rows})
        for output, value in expected.items():
            if value.dtype.kind == "f":
                np.testing.assert_allclose(outputs[output], value, atol=1e-5)


@both
def test_labels(served, kind):
    feed = served.rows("serving_default", 3)
    examples = feed if len(feed) > 1 else next(iter(feed.values()))
    for label, version in served.labels.items():
        with served.client(kind, label=label) as one:
            with served.client(kind, label=None, version=version) as other:
                np.testing.assert_allclose(
                    one.embed(examples).embedding,
                    other.embed(examples).embedding,
                    atol=1e-5,
                )


@both
def test_requests_that_meet_on_the_server_keep_their_rows(served, kind):
    name = next(
        (n for n, s in served.manifest["signatures"].items() if len(s["inputs"]) == 1),
        None,
    )
    if name is None:
        pytest.skip("a model whose signatures have no rows")
    ((key, rows),) = served.rows(name, 40).items()
    expected = served.expected(name, {key: rows})[artifact.OUTPUT]
    wrong = []
    with served.client(kind, signature=name) as client:

        def ask(place):
            got = client.embed(list(rows[place : place + 3])).embedding
            if not np.allclose(got, expected[place : place + 3], atol=1e-5):
                wrong.append(place)

        threads = [threading.Thread(target=ask, args=(i,)) for i in range(38)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not wrong


def test_metrics(served):
    if not served.real:
        pytest.skip("needs TensorFlow Serving: the server of the tests has no metrics")
    assert ":tensorflow:serving:request_count" in served.get(
        "/monitoring/prometheus/metrics"
    )
