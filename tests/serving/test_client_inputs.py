# SPDX-License-Identifier: Apache-2.0
"""Waveforms, graphs, recordings and neighbours by the client; the kit's own clients."""

from __future__ import annotations

import json
import subprocess
import sys

import keras
import numpy as np
import pytest

from cl_keras import encoders, export
from cl_keras.export import probes
from cl_keras.export.client import EmbeddingClient


@pytest.mark.slow
def test_waveforms_of_any_length_and_graphs(tmp_path, start):
    keras.utils.set_random_seed(0)
    audio = encoders.audio_conv(channels=8, context=4)
    graph = encoders.gcn((6,), units=[4])
    export.saved_model(audio, tmp_path / "audio")
    export.saved_model(graph, tmp_path / "graph")
    rng = np.random.default_rng(0)
    waves = [rng.normal(size=n).astype(np.float32) for n in (4_000, 6_000, 4_000)]
    nodes = {
        "features": rng.random((5, 6), np.float32),
        "edges": np.array([[0, 1], [1, 0], [3, 4]], np.int32),
    }
    with start(tmp_path / "audio", name="audio") as server:
        for kind in ("grpc", "rest"):
            with EmbeddingClient(server[kind], model="audio") as one:
                got = one.embed(waves).embedding
            for row, wave in zip(got, waves, strict=True):
                np.testing.assert_allclose(row, audio(wave[None])[0], atol=1e-4)
    with start(tmp_path / "graph", name="graph") as server:
        for kind in ("grpc", "rest"):
            with EmbeddingClient(server[kind], model="graph") as one:
                got = one.embed(nodes).embedding
                np.testing.assert_allclose(got, graph(nodes), atol=1e-5)
                with pytest.raises(ValueError, match="dict of"):
                    one.embed(nodes["features"])
                with pytest.raises(ValueError, match=r"\['features'\]"):
                    one.embed({"features": nodes["features"]})


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["grpc", "rest"])
def test_recordings_and_neighbors(tmp_path, start, kind, bundle):
    keras.utils.set_random_seed(0)
    audio = encoders.audio_conv(channels=8, context=4)
    export.saved_model(audio, tmp_path / "audio", sample_rate=8_000)
    rng = np.random.default_rng(0)
    pcm = [rng.integers(-9_000, 9_000, n).astype(np.int16) for n in (4_000, 6_000)]
    files = [probes.wav(pcm[0], 8_000), b"RIFF", probes.wav(pcm[1], 8_000)]
    with start(tmp_path / "audio", name="audio") as server:
        with EmbeddingClient(server[kind], model="audio") as one:
            embedding, valid = one.embed(files)
    assert valid.tolist() == [True, False, True]
    for row, wave in zip(embedding[valid], pcm, strict=True):
        expected = audio(wave[None].astype(np.float32) / 2**15)[0]
        np.testing.assert_allclose(row, expected, atol=1e-4)

    encoder, features = bundle.encoders[0], bundle.expected[0]
    ids = [f"image {row}" for row in range(70)]
    index = (features, ids)
    export.saved_model(encoder, tmp_path / "images", index=index, neighbors=3)
    with start(tmp_path / "images", name="images") as server:
        with EmbeddingClient(
            server[kind], model="images", signature="neighbors_bytes"
        ) as one:
            found = one.predict([*bundle.files[:40], b"none"])
            with pytest.raises(ValueError, match="use `predict`"):
                one.embed(bundle.files[:1])
    assert found["ids"].shape == (41, 3)
    assert found["ids"][:40, 0].tolist() == [i.encode() for i in ids[:40]]
    np.testing.assert_allclose(found["scores"][:40, 0], 1, atol=1e-5)
    assert found["valid"].tolist() == [True] * 40 + [False]


def embedded(command):
    """Runs a program; the embedding in each line of its output."""
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return np.array([line["embedding"] for line in lines])


@pytest.mark.slow
@pytest.mark.parametrize("program", ["grpc_client.py", "rest_client.py", "predict.sh"])
def test_the_kits_clients(server, bundle, program, tmp_path):
    paths = [tmp_path / f"{row}.png" for row in range(3)]
    for path, content in zip(paths, bundle.files, strict=False):
        path.write_bytes(content)
    script = bundle.base / "clients" / program
    # Each tries again by itself: the server says first that it is unavailable.
    server.control(faults=[14])
    if program == "predict.sh":
        done = subprocess.run(
            [script, paths[0], server["rest"]], capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        got = np.array(json.loads(done.stdout)["outputs"]["embedding"])
        np.testing.assert_allclose(got, bundle.expected[0][:1], atol=1e-5)
        refused = [script, paths[0], server["rest"] + "/no"]
    else:
        flag, address = {
            "grpc_client.py": ("--target", server["grpc"].partition("//")[2]),
            "rest_client.py": ("--url", server["rest"]),
        }[program]
        command = [sys.executable, script, flag, address, "--batch", "2"]
        got = embedded([*command, *paths])
        np.testing.assert_allclose(got, bundle.expected[0][:3], atol=1e-5)
        refused = [*command, "--timeout", "0.000001", paths[0]]
        server.control(lost=1)
        try:
            done = subprocess.run([*command, *paths], capture_output=True, text=True)
        finally:
            server.control(lost=0)
        assert done.returncode and "not one row for each of 2 files" in done.stderr
        assert not done.stdout
    assert subprocess.run(refused, capture_output=True).returncode != 0
