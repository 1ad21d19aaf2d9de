# SPDX-License-Identifier: Apache-2.0
"""What the served bytes signature costs beside the encoder and the decoding it is of.

    python benchmarks/serving.py --data cifar10/test
    python benchmarks/serving.py --data photos --encoder resnet18 --size 64

Four sides take turns in one process, on the same images: `served`, the signature
`image_bytes` of an export in the C++ loader's session; `keras`, the Keras encoder as a
`tf.function` on arrays that were decoded before; `floats`, the same encoder as the
signature `serving_default`, in a session also; `decode`, the decoding alone, without
masks, in a session also. Latency is of one image at a time, the sides by turns call by
call; throughput and the processor's time for an image are of batches from two threads.

`wrapper_share` is the part of `served` that is neither decoding nor encoder, by the
medians of latency, its best tenth, the time that an image takes in batches, and the
processor's time; the second and the last are what a busy machine changes least. It is
counted against
`keras` and, more strictly, against `floats`: a session runs an encoder faster than
Keras does. Prints a table and one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import tensorflow as tf

from cl_keras import encoders, export
from cl_keras.data.listing import find_files
from cl_keras.export import images

Side = Callable[[np.ndarray], object]
Sides = dict[str, tuple[Side, np.ndarray]]


class Rate(NamedTuple):
    """How fast a side is, and what it costs."""

    rows_per_second: float
    cpu_seconds: float


def loaded(folder: Path, name: str) -> Side:
    """A signature of one input, as a server has it."""
    session = tf.compat.v1.Session(graph=tf.Graph())
    with session.graph.as_default():
        meta = tf.compat.v1.saved_model.load(session, ["serve"], str(folder))
    signature = meta.signature_def[name]
    (given,) = signature.inputs.values()
    fetches = [info.name for info in signature.outputs.values()]
    return session.make_callable(fetches, [given.name])


def latencies(sides: Sides, calls: int) -> dict[str, list[float]]:
    """Seconds a call takes with one row; the sides take turns call by call."""
    found: dict[str, list[float]] = {name: [] for name in sides}
    for call in range(calls):
        for name, (side, rows) in sides.items():
            row = call % len(rows)
            start = time.perf_counter()
            side(rows[row : row + 1])
            found[name].append(time.perf_counter() - start)
    return found


def throughput(side: Side, rows: np.ndarray, batch: int, seconds: float) -> Rate:
    """Rows a second from two threads, and the processor's seconds for a row."""
    batches = [rows[i : i + batch] for i in range(0, len(rows) - batch + 1, batch)]
    start, cpu = time.perf_counter(), time.process_time()

    def work(worker: int) -> int:
        done = 0
        while time.perf_counter() - start < seconds:
            side(batches[(worker + 2 * done) % len(batches)])
            done += 1
        return done * batch

    with ThreadPoolExecutor(2) as pool:
        done = sum(pool.map(work, range(2)))
    wall = time.perf_counter() - start
    return Rate(done / wall, (time.process_time() - cpu) / done)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, help="folder of images")
    parser.add_argument("--encoder", default="compact_resnet")
    parser.add_argument("--size", type=int, default=32, help="of the encoder's input")
    parser.add_argument("--images", type=int, default=512)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--calls", type=int, default=100, help="of one, a round")
    parser.add_argument("--seconds", type=float, default=0.5, help="a side and round")
    parser.add_argument("--on-error", default="mask", choices=("mask", "fail"))
    args = parser.parse_args()

    keras.utils.set_random_seed(0)
    shape = (args.size, args.size, 3)
    encoder = encoders.build(args.encoder, shape)
    files = find_files(Path(args.data), "image").files[: args.images]
    contents = np.array([Path(file).read_bytes() for file in files], dtype=object)

    @tf.function(input_signature=[tf.TensorSpec((None,), tf.string, "strings")])
    def decode(strings: tf.Tensor) -> dict[str, tf.Tensor]:
        spec = tf.TensorSpec(shape, tf.float32)
        one = partial(
            images.decode_image, height=args.size, width=args.size, channels=3
        )
        return {"floats": tf.map_fn(one, strings, fn_output_signature=spec)}

    @tf.function(input_signature=[tf.TensorSpec((None, *shape), tf.float32)])
    def encode(floats: tf.Tensor) -> tf.Tensor:
        return encoder(floats, training=False)

    floats = decode(contents)["floats"].numpy()
    module = tf.Module()
    module.decode = decode
    with tempfile.TemporaryDirectory() as base:
        folder = export.saved_model(encoder, f"{base}/m", on_error=args.on_error)
        tf.saved_model.save(module, f"{base}/d", signatures={"decode": decode})
        sides: Sides = {
            "served": (loaded(folder, "image_bytes"), contents),
            "keras": (lambda rows: encode(rows).numpy(), floats),
            "floats": (loaded(folder, "serving_default"), floats),
            "decode": (loaded(Path(base, "d"), "decode"), contents),
        }
    times: dict[str, list[float]] = {name: [] for name in sides}
    rates: dict[str, list[Rate]] = {name: [] for name in sides}
    for number in range(args.rounds + 1):
        one = latencies(sides, args.calls)
        for name, (side, rows) in sides.items():
            rate = throughput(side, rows, args.batch, args.seconds)
            if number:  # The first round warms up.
                times[name] += one[name]
                rates[name].append(rate)
    line: dict[str, Any] = {
        "benchmark": "serving",
        "model": args.encoder,
        "parameters": encoder.count_params(),
        "size": args.size,
        "images": len(files),
        "batch": args.batch,
        "on_error": args.on_error,
        "load": round(os.getloadavg()[0], 2),
    }
    print(
        f"{'':9}{'p10 ms':>9}{'p50 ms':>9}{'p99 ms':>9}{'images/s':>10}{'CPU ms':>8}"
        f"  (batch {args.batch}, two threads)",
        file=sys.stderr,
    )
    for name in sides:
        p10, p50, p99 = np.percentile(times[name], [10, 50, 99]) * 1000
        rate, cpu = np.median(rates[name], axis=0)
        line[name] = {
            "p10_ms": round(float(p10), 3),
            "p50_ms": round(float(p50), 3),
            "p99_ms": round(float(p99), 3),
            "images_per_second": round(float(rate), 1),
            "cpu_ms_per_image": round(float(cpu) * 1000, 3),
        }
        print(
            f"{name:9}{p10:9.2f}{p50:9.2f}{p99:9.2f}{rate:10.1f}{cpu * 1000:8.2f}",
            file=sys.stderr,
        )

    def share(of: str, cost: Callable[[dict[str, float]], float]) -> float:
        parts = cost(line[of]) + cost(line["decode"])
        return round(1 - parts / cost(line["served"]), 3)

    line["wrapper_share"] = {
        of: {
            "latency": share(of, lambda found: found["p50_ms"]),
            "latency_p10": share(of, lambda found: found["p10_ms"]),
            "throughput": share(of, lambda found: 1 / found["images_per_second"]),
            "cpu": share(of, lambda found: found["cpu_ms_per_image"]),
        }
        for of in ("keras", "floats")
    }
    print(f"wrapper share: {line['wrapper_share']}", file=sys.stderr)
    print(json.dumps(line))


if __name__ == "__main__":
    main()
