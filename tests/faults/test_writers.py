# SPDX-License-Identifier: Apache-2.0
"""Commands that write are killed, and given again: what is there is whole."""

import http.server
import json
import shutil
import threading
from functools import partial

import numpy as np
import pytest

from cl_keras import artifact, zoo
from cl_keras.data.records.index import RecordIndex
from cl_keras.export.bundle.models_config import versions
from cl_keras.runs.features import read_features
from faults.campaign import COMMAND, Killed

pytestmark = pytest.mark.slow


def clear(folder):
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()


def kills(long):
    return 50 if long else 2


def test_exports(warm, tally, run, tmp_path, long):
    out, first = tmp_path / "serving", {}

    def whole_versions():
        for number in versions(out):
            artifact.verify(out / str(number))

    def fresh():
        clear(out)
        shutil.copytree(run / "serving" / "1", out / "1")

    def whole():
        whole_versions()
        assert max(versions(out)) > 1
        kit = [*out.glob("*.*"), *out.glob("clients/*"), out / "Dockerfile"]
        texts = {p.name: p.read_text() for p in kit if not p.name.startswith(".draft")}
        assert f"version: {max(versions(out))}" in texts.pop("models.config")
        first.update({} if first else texts)
        assert texts == first and len(texts) == 9

    command = COMMAND, "export", run, out
    killed = Killed(warm, command, out, fresh, whole, after=whole_versions)
    with tally("SIGKILL", "export of a SavedModel with its bundle") as row:
        killed.run(row, kills(long))


@pytest.mark.parametrize(
    "output", [pytest.param("litert", marks=pytest.mark.long), "onnx"]
)
def test_files_of_other_runtimes(output, warm, tally, run, tmp_path, long):
    out, suffix = tmp_path / "out", {"litert": "tflite", "onnx": "onnx"}[output]
    out.mkdir()
    old, path = b"that was there before", out / f"encoder.{suffix}"
    command = COMMAND, "export", run, path, "--format", output

    def described():
        facts = json.loads((out / f"encoder.{suffix}.json").read_text())["file"]
        artifact.FileRecord(**facts).verify(out)

    def after():
        assert path.read_bytes() == old or described() is None

    killed = Killed(warm, command, out, lambda: path.write_bytes(old), described, after)
    with tally("SIGKILL", f"export to {output}") as row:
        killed.run(row, kills(long))


def test_publications(warm, tally, run, tmp_path, long):
    registry, name = tmp_path / "registry", "simclr_compact_resnet_tiny"
    command = (
        *(COMMAND, "zoo", "add", run, "--registry", registry, "--name", name),
        *("--saved-model", run / "serving" / "1", "--overwrite"),
    )
    rows = registry / "rows" / f"{name}.json"

    def verified():
        assert all(check.ok for check in zoo.verify(name, registry=registry))

    def whole():
        verified()
        assert [p.name for p in (registry / "files").iterdir()] == [name]
        assert [p.name for p in (registry / "rows").iterdir()] == [rows.name]

    killed = Killed(
        warm,
        command,
        registry,
        lambda: clear(registry),
        whole,
        lambda: rows.exists() and verified(),
    )
    with tally("SIGKILL", "zoo add") as row:
        killed.run(row, kills(long))


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


def test_downloads(warm, tally, entry, tmp_path, long):
    name, registry = entry
    cache = tmp_path / "cache"
    handler = partial(Quiet, directory=registry / "files" / name)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        rows = shutil.copytree(registry / "rows", tmp_path / "registry" / "rows")
        path = rows / f"{name}.json"
        source = f"http://127.0.0.1:{server.server_port}/"
        path.write_text(json.dumps(json.loads(path.read_text()) | {"source": source}))
        row = zoo.info(name, registry=rows.parent)

        def after():
            """Whatever has its name is whole."""
            for record in row.files:
                if found := list(cache.glob(f"{name}/[!.]*/{record.path}")):
                    record.verify(str(found[0]).removesuffix(f"/{record.path}"))

        def whole():
            after()
            names = [p for p in cache.rglob("*") if p.is_file() and p.name != ".lock"]
            listed = [x for x in row.files if x.path.startswith("saved_model")]
            assert len(names) == len(listed)

        code = f"import os; os.environ['CL_KERAS_CACHE'] = {str(cache)!r}; {COMMAND}"
        command = code, "zoo", "fetch", name, "--registry", rows.parent
        killed = Killed(warm, command, cache, lambda: clear(cache), whole, after)
        with tally("SIGKILL", "zoo fetch into the cache") as begun:
            killed.run(begun, kills(long))
        server.shutdown()


def test_packing(warm, tally, photos, tmp_path, long):
    place = tmp_path / "out"
    out = place / "packed"
    command = COMMAND, "pack", photos, out, "--shards", 3
    seen = []

    def content():
        index = RecordIndex.find(out)
        index.verify()
        return [shard.record for shard in index.shards], index.rows

    def whole():
        seen.append(content())
        assert seen[-1] == seen[0] and len(seen[0][0]) == 3

    killed = Killed(
        warm,
        command,
        place,
        lambda: clear(place),
        whole,
        lambda: out.exists() and content(),
    )
    with tally("SIGKILL", "packing of records") as row:
        killed.run(row, kills(long))


@pytest.mark.parametrize("how", ["file", pytest.param("bulk", marks=pytest.mark.long)])
def test_embedding(how, warm, tally, run, photos, tmp_path, long):
    place = tmp_path / "out"
    out = place / ("features" if how == "bulk" else "features.npz")
    command = COMMAND, "embed", run, photos, "--out", out
    if how == "bulk":
        command += ("--runner", "direct", "--shards", 6, "--batch-size", 2)
    first = []

    def whole():
        found = read_features(out)
        first.append((found.ids.tolist(), found.features))
        assert first[-1][0] == first[0][0] and len(found.ids) == 24
        np.testing.assert_array_equal(first[-1][1], first[0][1])

    def after():
        if out.is_file() or (out / "_SUCCESS").exists():
            whole()

    killed = Killed(warm, command, place, lambda: clear(place), whole, after)
    title = {"file": "embedding into a file", "bulk": "bulk embedding"}[how]
    with tally("SIGKILL", title) as row:
        killed.run(row, kills(long))
