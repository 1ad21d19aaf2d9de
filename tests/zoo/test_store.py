# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import http.server
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pytest

from cl_keras import artifact, zoo
from cl_keras.zoo import cache

NAME = "simclr_tiny_digits"


@pytest.mark.parametrize("kind", ["file", "absolute", "relative"])
def test_other_local_sources(registry, kind, made, change_row):
    moved = registry / "else where"
    shutil.move(registry / "files" / NAME, moved)
    source = {
        "file": moved.as_uri(),
        "absolute": str(moved),
        "relative": "else where",
    }[kind]
    change_row(source=source)
    got = zoo.load(NAME, registry=registry).predict(made[2], verbose=0)
    np.testing.assert_allclose(got, made[3], atol=1e-6)


class Handler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        self.server.asked.append(self.path)

    def copyfile(self, source, outputfile):
        data = source.read()
        outputfile.write(self.server.damage(data))


@pytest.fixture
def remote(registry, change_row):
    """The registry's files behind a server; `.damage` changes what it sends."""
    handler = partial(Handler, directory=registry / "files" / NAME)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.asked, server.damage = [], lambda data: data
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        change_row(source=f"http://127.0.0.1:{server.server_port}/")
        yield server
        server.shutdown()
        thread.join()


def cached(tmp_path):
    files = [p for p in (tmp_path / "cache").rglob("*") if p.is_file()]
    return [p for p in files if p.name != ".lock"]


def test_download_once_and_use_offline(remote, registry, tmp_path, made, monkeypatch):
    got = zoo.load(NAME, registry=registry).predict(made[2], verbose=0)
    np.testing.assert_allclose(got, made[3], atol=1e-6)
    folder = zoo.saved_model(NAME, registry=registry)
    assert folder.is_relative_to(tmp_path / "cache")
    assert len(remote.asked) == len(cached(tmp_path)) == 8
    monkeypatch.setenv("CL_KERAS_OFFLINE", "1")
    assert zoo.saved_model(NAME, registry=registry) == folder
    assert len(remote.asked) == 8

    target = next(p for p in cached(tmp_path) if p.name == "encoder.json")
    target.unlink()
    with pytest.raises(cache.OfflineError) as caught:
        zoo.load(NAME, registry=registry)
    assert str(target) in str(caught.value)
    assert "encoder.json" in str(caught.value)
    bad = [c for c in zoo.verify(NAME, registry=registry) if not c.ok]
    assert [c.path for c in bad] == ["encoder.json"]
    assert len(remote.asked) == 8


@pytest.mark.parametrize(
    ("damage", "error", "message"),
    [
        (lambda d: d[:-100], OSError, "could not be downloaded"),
        (lambda d: bytes([d[0] ^ 1]) + d[1:], artifact.ChangedFileError, "other bytes"),
    ],
)
def test_bad_downloads_are_refused(remote, registry, tmp_path, damage, error, message):
    remote.damage = damage
    with pytest.raises(error, match=rf"{NAME}: encoder\.json .*{message}"):
        zoo.load(NAME, registry=registry)
    assert cached(tmp_path) == []
    remote.damage = lambda data: data
    zoo.load(NAME, registry=registry)


def test_absent_and_unreachable_downloads(remote, registry, tmp_path):
    (registry / "files" / NAME / "encoder.json").unlink()
    with pytest.raises(OSError, match="404"):
        zoo.load(NAME, registry=registry)
    assert cached(tmp_path) == []


def test_swapped_cache_file_is_fetched_again(remote, registry, tmp_path):
    zoo.load(NAME, registry=registry)
    paths = cached(tmp_path)
    # Not those that only a server needs.
    assert sorted(path.name.partition(".")[0] for path in paths) == [
        "encoder", "variables", "variables"
    ]  # fmt: skip
    for path in paths:
        data = path.read_bytes()
        path.write_bytes(data[::-1])
        zoo.load(NAME, registry=registry)
        assert path.read_bytes() == data


def test_downloads_at_once(remote, registry, tmp_path):
    row = zoo.info(NAME, registry=registry)
    with ThreadPoolExecutor(8) as pool:
        paths = list(pool.map(lambda _: zoo.fetch(row, "encoder.json"), range(16)))
    assert len(set(paths)) == 1
    assert cached(tmp_path) == paths[:1]
