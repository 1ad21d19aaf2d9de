# SPDX-License-Identifier: Apache-2.0
"""Many requests of all sizes, some malformed, through the client and a server.

    python benchmarks/soak.py --requests 100000

The server is that of the tests (`tests/serving/prediction_server`), a process of its
own that runs the bundle of a tiny encoder through the C++ loader; half of the requests
go over gRPC, half over REST, from several threads. Requests have 1 to 64 images of
different sizes and kinds. `--malformed` of them are not right: most have files among
the good ones that are cut, empty, random, of another kind, or say that they are 50,000
pixels wide; the others have the wrong shape or signature as a whole.

Each good row is compared with the Keras encoder, each bad row has to be reported as
such, each wrong request has to be refused. Memory of both processes is sampled; growth
is from the second tenth of the requests to the last. Prints one line of JSON; the exit
code is 1 if anything was not as it should be.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import tensorflow as tf

from cl_keras import export
from cl_keras.export.client import EmbeddingClient, ServingError
from cl_keras.export.images import decode_image

SERVING = Path(__file__).parents[1] / "tests" / "serving"
SIDE, FEATURES = 16, 8
MOST_GROWTH = 0.05  # Of what a process had after warming up.


def tiny_encoder() -> keras.Model:
    keras.utils.set_random_seed(0)
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((SIDE, SIDE, 3)),
            layers.Conv2D(8, 3, strides=2, activation="relu"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(FEATURES),
        ]
    )


def good_files(rng: np.random.Generator) -> list[bytes]:
    """Images of all sizes: JPEG, PNG, BMP."""
    files = []
    for number in range(200):
        height, width = rng.integers(4, 80, 2)
        coarse = rng.random((4, 4, 3))
        pixels = tf.image.resize(coarse, (height, width)).numpy() * 255
        pixels = tf.constant(pixels.astype(np.uint8))
        encode = tf.io.encode_png if number % 3 else tf.io.encode_jpeg
        files.append(encode(pixels).numpy())
    return files


def bad_files(rng: np.random.Generator, good: list[bytes]) -> list[bytes]:
    """Files that are no images, each in its own way."""
    bomb = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"
    bomb += (50_000).to_bytes(4, "big") * 2 + b"\x08\x02\x00\x00\x00" + bytes(400)
    cut = [
        file[: int(len(file) * part)] for file, part in zip(good, PARTS, strict=False)
    ]
    noise = [rng.bytes(int(n)) for n in rng.integers(1, 5_000, 10)]
    heads = [file[:4] + rng.bytes(500) for file in good[:10]]
    return [
        *cut,
        *noise,
        *heads,
        bomb,
        b"",
        b"\x00",
        b"BM",
        b"GIF89a",
        b"a text\n" * 50,
    ]


PARTS = (0.02, 0.1, 0.3, 0.5, 0.6)


@contextmanager
def serving(base: Path) -> Iterator[dict[str, Any]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "prediction_server", str(base)],
        env={**os.environ, "PYTHONPATH": str(SERVING)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield json.loads(process.stdout.readline())
    finally:
        crashed = process.poll()
        process.stdin.close()
        process.wait(60)
        if crashed is not None:
            print(f"the server ended with {crashed}", file=sys.stderr)


class Soak:
    """Requests by number, from any thread; what was not right is counted."""

    def __init__(self, args: argparse.Namespace, encoder: keras.Model) -> None:
        rng = np.random.default_rng(args.seed)
        self.args = args
        self.good = good_files(rng)
        self.bad = bad_files(rng, self.good)
        decoded = [decode_image(file, SIDE, SIDE, 3) for file in self.good]
        self.expected = encoder.predict(np.stack(decoded), verbose=0)
        self.counts: Counter[str] = Counter()
        self.largest = 0.0
        self.wrong: list[str] = []
        self.lock = threading.Lock()
        self.next = 0

    def numbers(self) -> Iterator[int]:
        """Numbers of requests that no other thread makes."""
        while True:
            with self.lock:
                number = self.next
                self.next += 1
            if number >= self.args.requests:
                return
            yield number

    def request(self, number: int, client: EmbeddingClient) -> None:
        """Makes one request, which its number determines."""
        rng = np.random.default_rng((self.args.seed, number))
        # Mostly small, up to two of the client's batches.
        size = int(min(64, 1 + rng.exponential(5)))
        malformed = rng.random() < self.args.malformed
        if malformed and rng.random() < 0.25:
            self.refused(rng, client)
            return
        rows = rng.integers(0, len(self.good), size)
        files = [self.good[row] for row in rows]
        is_bad = np.zeros(size, bool)
        if malformed:
            is_bad[rng.permutation(size)[: rng.integers(1, size + 1)]] = True
            for place in np.flatnonzero(is_bad):
                files[place] = self.bad[rng.integers(len(self.bad))]
        embedding, valid = client.embed(files)
        gap = np.abs(embedding - self.expected[rows])[~is_bad].max(initial=0.0)
        with self.lock:
            self.counts["rows"] += size
            self.counts["bad_rows"] += int(is_bad.sum())
            self.counts["bad_rows_reported"] += int((~valid[is_bad]).sum())
            self.largest = max(self.largest, float(gap))
        if not np.array_equal(valid, ~is_bad):
            self.note(f"request {number}: valid is not as it should be")
        if not gap < 1e-5:
            self.note(f"request {number}: {gap:.1e} from the encoder")
        if np.any(embedding[is_bad]):
            self.note(f"request {number}: a bad row is not zeros")

    def refused(self, rng: np.random.Generator, client: EmbeddingClient) -> None:
        """A request that is wrong as a whole."""
        name, feed = [
            ("serving_default", {"images": np.zeros((2, 4, 4, 3), np.float32)}),
            ("image_bytes", {"wrong": np.array([b""], object)}),
            ("no_such_signature", {"images": np.zeros((1, SIDE, SIDE, 3), np.float32)}),
        ][rng.integers(3)]
        known = client.signatures()
        try:
            # Past the client's own checks.
            end = time.monotonic() + 60
            client._send(name, known["serving_default"], feed, end)
        except ServingError as error:
            right = not error.transient
            with self.lock:
                self.counts["refused"] += right
            if right:
                return
        self.note(f"{name} with {list(feed)} was not refused")

    def note(self, what: str) -> None:
        """Keeps something that was not right."""
        with self.lock:
            self.wrong.append(what)

    def work(self, client: EmbeddingClient) -> None:
        """What a thread does."""
        for number in self.numbers():
            try:
                self.request(number, client)
            except Exception as error:
                self.note(f"request {number}: {type(error).__name__}: {error}")


def rss_mb(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    (line,) = (line for line in lines if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def growth(samples: list[tuple[int, float]], requests: int) -> dict[str, float]:
    """From the second tenth to the last, by medians."""
    early = [mb for done, mb in samples if 0.1 <= done / requests < 0.2]
    late = [mb for done, mb in samples if done / requests >= 0.9]
    before, after = float(np.median(early)), float(np.median(late))
    peak = max(mb for _, mb in samples)
    values = {"warm_mb": before, "last_mb": after, "peak_mb": peak}
    return {key: round(value, 1) for key, value in values.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--malformed", type=float, default=0.02)
    parser.add_argument("--threads", type=int, default=4)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    encoder = tiny_encoder()
    soak = Soak(args, encoder)
    own: list[tuple[int, float]] = []
    theirs: list[tuple[int, float]] = []
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder, "tiny")
        export.saved_model(encoder, base)
        export.serving_kit(base)
        with serving(base) as server:
            clients = [
                EmbeddingClient(server[kind], model="tiny", label="stable")
                for kind in ("grpc", "rest")
            ]
            threads = [
                threading.Thread(target=soak.work, args=(clients[i % 2],))
                for i in range(args.threads)
            ]
            start = time.perf_counter()
            for thread in threads:
                thread.start()
            while any(thread.is_alive() for thread in threads):
                time.sleep(min(1.0, args.requests / 20_000))
                own.append((soak.next, rss_mb(os.getpid())))
                theirs.append((soak.next, rss_mb(server["pid"])))
                if len(own) % 30 == 0:
                    print(
                        f"{soak.next:,} requests, {theirs[-1][1]:.0f} MB server, "
                        f"{own[-1][1]:.0f} MB client, {len(soak.wrong)} wrong",
                        file=sys.stderr,
                    )
            seconds = time.perf_counter() - start
            for client in clients:
                client.close()
    memory = {
        "server": growth(theirs, args.requests),
        "client": growth(own, args.requests),
    }
    for process, found in memory.items():
        if found["last_mb"] > found["warm_mb"] * (1 + MOST_GROWTH):
            soak.wrong.append(f"the {process} grew: {found}")
    for what in soak.wrong[:20]:
        print(what, file=sys.stderr)
    line = {
        "benchmark": "soak",
        "requests": args.requests,
        "malformed": args.malformed,
        **soak.counts,
        "wrong": len(soak.wrong),
        "largest_difference": soak.largest,
        **{f"{key}_memory": value for key, value in memory.items()},
        "seconds": round(seconds, 1),
        "requests_per_second": round(args.requests / seconds, 1),
    }
    print(json.dumps(line))
    sys.exit(1 if soak.wrong else 0)


if __name__ == "__main__":
    main()
