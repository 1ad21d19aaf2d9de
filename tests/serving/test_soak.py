# SPDX-License-Identifier: Apache-2.0
"""Many requests of all kinds, while labels move and the server is killed.

    python -m pytest tests/serving/test_soak.py --slow --long -rP

Half of the requests go over gRPC, half over REST, from four threads. Nine of ten have
1 to 64 images of different sizes and kinds, the tenth has a graph, for a second
server. Some are not right: most of these have files among the good ones that are
cut, empty, random, of another kind, or say that they are 50,000 pixels wide; the others
have the wrong shape or signature as a whole. Meanwhile the label that the requests ask
for moves between two versions, and the server is killed and started again.

Each good row is compared with the Keras encoder of a version that had the label during
the request, all rows of a request with the same one; each bad row has to be reported as
such, each wrong request has to be refused. No process may grow, or keep files open.
"""

import os
import shutil
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
from image_files import bad_files, good_files

from cl_keras import export
from cl_keras.export.client import EmbeddingClient, ServingError
from cl_keras.export.client.transport import Call
from cl_keras.export.images import decode_image

pytestmark = pytest.mark.slow
SIDE = 8
WRONG_REQUESTS = [
    ("serving_default", {"images": np.zeros((2, 4, 4, 3), np.float32)}),
    ("image_bytes", {"wrong": np.array([b""], object)}),
    ("no_such_signature", {"images": np.zeros((1, SIDE, SIDE, 3), np.float32)}),
]


class Label:
    """Which version `stable` is, and was when."""

    def __init__(self, base, server):
        self.base, self.server = base, server
        self.spans = [(1, -np.inf, np.inf)]

    def move(self):
        earlier, since, _ = self.spans[-1]
        version = 3 - earlier
        self.spans.append((version, time.monotonic(), np.inf))
        export.serving_kit(self.base, stable=version)
        assert self.server.control(refresh=True)["labels"]["stable"] == version
        self.spans[-2] = (earlier, since, time.monotonic())

    def during(self, begin, end):
        return {v for v, since, until in self.spans if since <= end and begin <= until}


class Soak:
    """Requests by number, from any thread; what they gave is counted."""

    def __init__(self, bundle, graph_encoder, malformed):
        rng = np.random.default_rng(0)
        self.good, self.malformed = good_files(rng), malformed
        self.bad = bad_files(rng, self.good)
        images = np.stack([decode_image(file, SIDE, SIDE, 3) for file in self.good])
        self.expected = {
            version: encoder.predict(images, verbose=0)
            for version, encoder in enumerate(bundle.encoders, 1)
        }
        self.graphs = []
        for nodes in range(2, 12):
            features = rng.random((nodes, 6), np.float32)
            edges = rng.integers(0, nodes, (2 * nodes, 2)).astype(np.int32)
            graph = {"features": features, "edges": edges}
            self.graphs.append((graph, graph_encoder(graph).numpy()))

    def request(self, number, images, graphs, label):
        """Makes one request, which its number determines."""
        rng = np.random.default_rng((0, number))
        if number % 20 > 17:
            graph, expected = self.graphs[rng.integers(10)]
            embedding = graphs[number % 2].embed(graph).embedding
            np.testing.assert_allclose(embedding, expected, atol=1e-5)
            return Counter(graphs=1)
        client = images[number % 2]
        # Mostly small, up to two of the client's batches.
        size = int(min(64, 1 + rng.exponential(5)))
        malformed = rng.random() < self.malformed
        if malformed and rng.random() < 0.25:
            self.is_refused(client, *WRONG_REQUESTS[rng.integers(3)])
            return Counter(refused=1)
        rows = rng.integers(0, len(self.good), size)
        files = [self.good[row] for row in rows]
        is_bad = np.zeros(size, bool)
        if malformed:
            is_bad[rng.permutation(size)[: rng.integers(1, size + 1)]] = True
            for row in np.flatnonzero(is_bad):
                files[row] = self.bad[rng.integers(len(self.bad))]
        begin = time.monotonic()
        embedding, valid = client.embed(files)
        versions = label.during(begin, time.monotonic())
        np.testing.assert_array_equal(valid, ~is_bad)
        wanted = {v: self.expected[v][rows] * ~is_bad[:, None] for v in versions}
        right = [v for v in wanted if np.allclose(embedding, wanted[v], 0, 1e-5)]
        assert right, f"request {number}: not the features of versions {versions}"
        counts = Counter(rows=size, bad_rows=int(is_bad.sum()))
        return counts + Counter({f"version {right[0]}": 1})

    def is_refused(self, client, name, feed):
        signature = client.signatures()["serving_default"]
        with pytest.raises(ServingError) as refused:
            # Past the client's own checks.
            client._send(feed, Call(name, signature, time.monotonic() + 120))
        assert not refused.value.transient

    def gives_up(self, client):
        """Asks a server that is away, for a second."""
        began = time.monotonic()
        with pytest.raises(ServingError, match="in 1 s") as away:
            client.embed(self.good[:1])
        assert away.value.transient and time.monotonic() - began < 3


def usage(pid):
    """Resident memory in MB, open files and threads of a process."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    status = dict(line.split(":", 1) for line in lines)
    files = len(os.listdir(f"/proc/{pid}/fd"))
    return int(status["VmRSS"].split()[0]) / 1024, files, int(status["Threads"])


def both(server, model, **options):
    """A client over gRPC and one over REST."""
    return [
        EmbeddingClient(server[kind], model=model, **options)
        for kind in ("grpc", "rest")
    ]


def test_every_request_is_answered_rightly_and_nothing_grows(
    bundle, graphs, start, tmp_path, long
):
    requests, malformed, parts = (100_000, 0.02, 50) if long else (400, 0.2, 10)
    # In which parts; the memory of the last four fifths is of one process.
    kills, moves = ((2, 6), range(4, 50, 5)) if long else ((0,), (4, 7))
    base = shutil.copytree(bundle.base, tmp_path / bundle.name)
    soak, counts, samples = Soak(bundle, graphs[0], malformed), Counter(), []
    with ExitStack() as stack:
        server = stack.enter_context(start(base))
        second = stack.enter_context(start(graphs[1], name="graph"))
        pool = ThreadPoolExecutor(4)
        stack.callback(pool.shutdown, cancel_futures=True)
        label = Label(base, server)
        of_images = both(server, bundle.name, label="stable", timeout=120)
        of_graphs = both(second, "graph")
        hasty = both(server, bundle.name, label="stable", deadline=1)
        for client in hasty:
            client.embed(soak.good[:1])
        began = time.perf_counter()

        def request(number):
            return soak.request(number, of_images, of_graphs, label)

        for part in range(parts):
            done = (part + 1) * requests // parts
            answers = pool.map(request, range(part * requests // parts, done))
            if part in kills:
                server.kill()
                for client in hasty:
                    soak.gives_up(client)
                server.start()
                counts["kills"] += 1
            if part in moves:
                label.move()
                counts["moves"] += 1
            counts += sum(answers, Counter())
            pids = os.getpid(), server["pid"], second["pid"]
            samples.append([done, *map(usage, pids)])
        seconds = time.perf_counter() - began
        for client in (*of_images, *of_graphs, *hasty):
            client.close()
    print(f"{requests:,} requests in {seconds:.0f} s: {dict(counts)}")
    at, *processes = zip(*samples[parts // 5 :], strict=True)
    names = ("client", "server of images", "server of graphs")
    for name, series in zip(names, processes, strict=True):
        memory, files, threads = np.transpose(series)
        growth = 10_000 * np.polyfit(at, memory, 1)[0] / memory.mean()
        print(
            f"{name}: {memory[0]:.1f} to {memory[-1]:.1f} MB, {growth:+.3%} in 10,000 "
            f"requests; {files[0]:.0f} to {files[-1]:.0f} files, {threads[0]:.0f} to "
            f"{threads[-1]:.0f} threads"
        )
        # The short form grows by 5 % at most, while it warms up.
        assert growth < (0.001 if long else 0.05 * 10_000 / (at[-1] - at[0]))
        assert np.ptp(files) < 10 and np.ptp(threads) < 10
    assert counts["bad_rows"] > 20 and counts["refused"] > 5
    assert min(counts["version 1"], counts["version 2"]) > 20
    assert counts["kills"] == len(kills) and counts["moves"] == len(moves)
