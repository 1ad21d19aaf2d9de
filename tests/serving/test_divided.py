# SPDX-License-Identifier: Apache-2.0
"""Requests that a server takes otherwise than a caller gives them."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from cl_keras import export
from cl_keras.export.client import EmbeddingClient

both = pytest.mark.parametrize("kind", ["grpc", "rest"])


@pytest.fixture
def limited(server):
    """The server with a largest batch of 16, as one that batches has."""
    server.control(largest=16)
    yield server
    server.control(largest=0)


@pytest.mark.slow
@both
def test_batches_are_divided_at_the_largest_of_the_server(limited, bundle, kind):
    options = {"model": bundle.name, "label": "stable", "deadline": 20}
    with EmbeddingClient(limited[kind], max_batch_size=64, **options) as one:
        for given in (bundle.files, bundle.floats):
            embedding, valid = one.embed(given)
            np.testing.assert_allclose(embedding, bundle.expected[0], atol=1e-5)
            assert valid is None or valid.all()
        # What the server said is kept: 70 rows are 5 requests, and none is refused.
        before = limited.control()["requests"]
        one.embed(bundle.floats)
        assert limited.control()["requests"] - before == 5


@pytest.mark.slow
def test_a_label_that_moves_during_a_call(bundle, start, tmp_path):
    base = shutil.copytree(bundle.base, tmp_path / bundle.name)
    options = {"model": bundle.name, "label": "stable", "max_batch_size": 1}
    with start(base) as server, ThreadPoolExecutor(1) as pool:
        for kind, old, new in (("grpc", 1, 2), ("rest", 2, 1)):
            before = server.control(delay=0.02)["requests"]
            with EmbeddingClient(server[kind], concurrency=1, **options) as one:
                call = pool.submit(one.embed, bundle.files)
                while server.control()["requests"] < before + 10:
                    assert not call.done()
                export.serving_kit(base, stable=new)
                moved = server.control(refresh=True, delay=0.0)
                assert moved["requests"] < before + 60
                for version, answer in (
                    (old, call.result()),
                    (new, one.embed(bundle.files)),
                ):
                    wanted = bundle.expected[version - 1]
                    np.testing.assert_allclose(answer.embedding, wanted, atol=1e-5)


def test_a_graph_without_edges(graphs, start):
    encoder, base = graphs
    features = np.random.default_rng(0).random((5, 6), np.float32)
    none = np.zeros((0, 2), np.int32)
    expected = encoder({"features": features, "edges": none})
    with start(base, name="graph") as server:
        for kind in ("rest", "grpc"):
            with EmbeddingClient(server[kind], model="graph", deadline=20) as one:
                for edges in (none, [], np.zeros((0, 2))):
                    got = one.embed({"features": features, "edges": edges}).embedding
                    np.testing.assert_allclose(got, expected, atol=1e-5, err_msg=kind)
