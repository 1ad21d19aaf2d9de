# SPDX-License-Identifier: Apache-2.0
"""Many requests of all sizes, some malformed, through the client and a server.

    python -m pytest tests/serving/test_soak.py --slow --long -rP

Half of the requests go over gRPC, half over REST, from four threads. Requests have 1 to
64 images of different sizes and kinds. Some are not right: most of these have files
among the good ones that are cut, empty, random, of another kind, or say that they are
50,000 pixels wide; the others have the wrong shape or signature as a whole. Each good
row is compared with the Keras encoder, each bad row has to be reported as such, each
wrong request has to be refused, and neither process may grow.
"""

import os
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

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


def good_files(rng):
    """Images of all sizes: JPEG and PNG."""
    files = []
    for number in range(200):
        coarse = tf.image.resize(rng.random((4, 4, 3)), rng.integers(4, 80, 2))
        encode = tf.io.encode_png if number % 3 else tf.io.encode_jpeg
        files.append(encode(tf.cast(255 * coarse, tf.uint8)).numpy())
    return files


def bad_files(rng, good):
    """Files that are no images, each in its own way."""
    bomb = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"
    bomb += (50_000).to_bytes(4, "big") * 2 + b"\x08\x02\x00\x00\x00" + bytes(400)
    shares = zip(good, (0.02, 0.1, 0.3, 0.5, 0.6), strict=False)
    return [
        *(file[: int(len(file) * share)] for file, share in shares),
        *(rng.bytes(int(n)) for n in rng.integers(1, 5_000, 10)),
        *(file[:4] + rng.bytes(500) for file in good[:10]),
        *(bomb, b"", b"\x00", b"BM", b"GIF89a", b"a text\n" * 50),
    ]


class Soak:
    """Requests by number, from any thread; what they gave is counted."""

    def __init__(self, bundle, malformed):
        rng = np.random.default_rng(0)
        self.good, self.malformed = good_files(rng), malformed
        self.bad = bad_files(rng, self.good)
        images = np.stack([decode_image(file, SIDE, SIDE, 3) for file in self.good])
        self.expected = bundle.encoders[0].predict(images, verbose=0)

    def request(self, number, client):
        """Makes one request, which its number determines."""
        rng = np.random.default_rng((0, number))
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
        embedding, valid = client.embed(files)
        np.testing.assert_array_equal(valid, ~is_bad)
        expected = self.expected[rows] * ~is_bad[:, None]
        np.testing.assert_allclose(embedding, expected, atol=1e-5)
        return Counter(rows=size, bad_rows=int(is_bad.sum()))

    def is_refused(self, client, name, feed):
        signature = client.signatures()["serving_default"]
        with pytest.raises(ServingError) as refused:
            # Past the client's own checks.
            client._send(feed, Call(name, signature, time.monotonic() + 60))
        assert not refused.value.transient


def rss_mb(pid):
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    (line,) = (line for line in lines if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def test_every_request_is_answered_rightly_and_nothing_grows(bundle, start, long):
    requests, malformed = (100_000, 0.02) if long else (400, 0.2)
    soak, counts, samples = Soak(bundle, malformed), Counter(), []
    with start(bundle.base) as server, ThreadPoolExecutor(4) as pool:
        clients = [
            EmbeddingClient(server[kind], model=bundle.name, label="stable")
            for kind in ("grpc", "rest")
        ]
        began = time.perf_counter()
        for tenth in range(10):
            numbers = range(tenth * requests // 10, (tenth + 1) * requests // 10)
            both = (clients[number % 2] for number in numbers)
            counts += sum(pool.map(soak.request, numbers, both), Counter())
            samples.append([rss_mb(pid) for pid in (os.getpid(), server["pid"])])
        seconds = time.perf_counter() - began
        for client in clients:
            client.close()
    memory = {}
    for process, (_, warm, *_, last) in zip(
        ("client", "server"), np.transpose(samples), strict=True
    ):
        memory[process] = f"{warm:.1f} to {last:.1f} MB"
        assert last < 1.05 * warm, f"the {process} grew: {memory[process]}"
    print(f"{requests:,} requests in {seconds:.0f} s: {dict(counts)}, {memory}")
    assert counts["bad_rows"] > 20 and counts["refused"] > 5
