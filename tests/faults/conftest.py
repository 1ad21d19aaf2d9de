# SPDX-License-Identifier: Apache-2.0
"""The table of faults, and what is broken: small data, runs, encoders."""

import contextlib
import http.server
import json
import shutil
import threading
from functools import partial
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from faults.campaign import SEED, Tally, Warm
from faults.scenarios import FAMILIES, NAME, RESNET, train_code, training

from cl_keras import export, runs

COLUMNS = ("fault", "what it hits", "times", "losses", "seconds")
LOSS = """
A loss: a result that was there before and is gone, a folder that no command can go on
from, weights or results that differ from those of the uninterrupted run, or a
half-written file that is taken for a whole one."""


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter):
    reports = terminalreporter.getreports("passed") + terminalreporter.getreports(
        "failed"
    )
    rows = [v for x in reports for name, v in x.user_properties if name == "faults"]
    if not rows:
        return
    say = terminalreporter.write_line
    say(f"\nFaults, seed {SEED}:\n")
    say(f"| {' | '.join(COLUMNS)} |")
    say("|---|---|---:|---:|---:|")
    for row in sorted(map(tuple, rows)):
        say(f"| {' | '.join(map(str, row))} |")
    times, losses = (sum(row[n] for row in rows) for n in (2, 3))
    say(f"| all | | {times:,} | {losses} | {sum(row[4] for row in rows):,} |\n{LOSS}")


@pytest.fixture
def tally(request):
    """A row of the table: `with tally(fault, hits) as row`. Any loss fails the test."""

    @contextlib.contextmanager
    def begin(fault, hits):
        row = Tally(fault, hits)
        try:
            yield row
        finally:
            request.node.user_properties.append(("faults", row.cells()))
        assert not row.losses, "\n\n".join(row.losses)

    return begin


@pytest.fixture(scope="session")
def warm(tmp_path_factory):
    process = Warm(tmp_path_factory.mktemp("warm"))
    yield process
    process.close()


@pytest.fixture(scope="session")
def images(tmp_path_factory):
    """Forty small images with labels, as a data string."""
    path = tmp_path_factory.mktemp("data") / "images.npz"
    rng = np.random.default_rng(0)
    rows = rng.integers(0, 256, (40, 16, 16, 3), np.uint8)
    np.savez(path, images=rows, labels=np.arange(40) % 2)
    return f"npz:{path}"


@pytest.fixture(scope="session")
def graph(tmp_path_factory):
    """Twelve nodes in a row."""
    folder = tmp_path_factory.mktemp("graph")
    (folder / "edges.csv").write_text("\n".join(f"{i},{i + 1}" for i in range(11)))
    (folder / "labels.csv").write_text("\n".join(["0", "1"] * 6))
    np.save(folder / "features.npy", np.eye(12, dtype=np.float32))
    return f"edges:{folder}"


@pytest.fixture(scope="session")
def pairs(tmp_path_factory):
    """Two series of each of forty moments."""
    folder = tmp_path_factory.mktemp("pairs")
    rng = np.random.default_rng(0)
    for name, channels in (("phone", 2), ("watch", 3)):
        np.savez(folder / f"{name}.npz", inputs=rng.normal(size=(40, 30, channels)))
    return f"pairs:{folder / 'phone.npz'},{folder / 'watch.npz'}"


@pytest.fixture(scope="session")
def run(images, tmp_path_factory):
    """A small run with its SavedModel."""
    out = tmp_path_factory.mktemp("runs") / "run"
    config = runs.TrainConfig.for_method(
        "simclr",
        data=images,
        out=str(out),
        encoder="compact_resnet",
        epochs=1,
        batch_size=8,
        settings={"encoder.width": 4, "encoder.blocks": 1, "encoder.stages": 1},
    )
    runs.train(config, evaluate=False, finish=False)
    export.saved_model(keras.saving.load_model(out / "encoder.keras"), out / "serving")
    return out


@pytest.fixture(scope="session")
def photos(tmp_path_factory, paint):
    """Two classes of twelve images."""
    folder = tmp_path_factory.mktemp("photos")
    for number in range(12):
        paint(folder / "red" / f"{number}.png", number, (16, 16))
        paint(folder / "blue" / f"{number}.png", 100 + number, (16, 20))
    return folder


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@pytest.fixture(scope="session")
def made(run, photos, graph, tmp_path_factory):
    """A run, photographs, a registry, and one whose files a server has."""
    registry = tmp_path_factory.mktemp("zoo")
    runs.add_entry(run, registry, name=NAME, saved_model=str(run / "serving" / "1"))
    handler = partial(Quiet, directory=registry / "files" / NAME)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        served = tmp_path_factory.mktemp("served")
        shutil.copytree(registry / "rows", served / "rows")
        path = served / "rows" / f"{NAME}.json"
        source = f"http://127.0.0.1:{server.server_port}/"
        path.write_text(json.dumps(json.loads(path.read_text()) | {"source": source}))
        yield SimpleNamespace(run=run, photos=photos, graph=graph, served=served)
        server.shutdown()


@pytest.fixture
def family(warm, request, tmp_path):
    """A scenario of a family: `family(method, place)`."""

    def make(method, place):
        name, data, given = FAMILIES[method]
        data = request.getfixturevalue(data)
        if given.get("settings") is RESNET or method == "dim":
            given = {"encoder": "compact_resnet"} | given
        whole = tmp_path / "whole"
        status, said = warm.run(train_code(method, data, whole, given))
        assert status == 0, said
        title = f"training, {name} ({method})"
        return training(title, method, data, given, whole, place)

    return make
