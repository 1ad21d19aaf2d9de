# SPDX-License-Identifier: Apache-2.0
"""What the served bytes signature costs beside the encoder and the decoding it is of.

    python benchmarks/serving.py --data cifar10/test
    python benchmarks/serving.py --data photos --encoder resnet18 --size 64

Four sides take turns in one process, on the same images: `served`, the signature
`image_bytes` of an export in the C++ loader's session; `keras`, the Keras encoder as a
`tf.function` on arrays that were decoded before; `floats`, the same encoder as the
signature `serving_default`, in a session also; `decode`, the decoding alone, without
masks, in a session also. Latency is of one image at a time, the sides by turns call by
call (`--calls` of each a round); throughput and the processor's time for an image are
of batches from two threads, for `--seconds` a side and round.

`wrapper_share` is the part of `served` that is neither decoding nor encoder, by the
medians of latency, its best tenth, the time that an image takes in batches, and the
processor's time; the second and the last are what a busy machine changes least. It is
counted against `keras` and, more strictly, against `floats`: a session runs an encoder
faster than Keras does.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import harness

Side = Callable[[Any], object]
# By name: what runs, and the rows it runs on.
Sides = dict[str, tuple[Side, Any]]
OPTIONS = {
    "data": harness.REQUIRED,
    "encoder": "compact_resnet",
    "size": 32,
    "images": 512,
    "batch": 32,
    "rounds": 20,
    "calls": 100,
    "seconds": 0.5,
    "on_error": "mask",
}
# Of a side, by which its cost is told.
COSTS = {
    "latency": "p50_ms",
    "latency_p10": "p10_ms",
    "throughput": "ms_per_image",
    "cpu": "cpu_ms_per_image",
}


def make_sides(args: harness.Args, folder: str) -> Sides:
    import keras
    import numpy as np
    import tensorflow as tf

    from cl_keras import encoders, export
    from cl_keras.data.listing import find_files
    from cl_keras.export import images

    keras.utils.set_random_seed(0)
    shape = (args.size, args.size, 3)
    encoder = encoders.build(args.encoder, shape)
    files = find_files(Path(args.data), "image").files[: args.images]
    contents = [Path(file).read_bytes() for file in files]
    strings = np.array(contents, dtype=object)

    @tf.function(input_signature=[tf.TensorSpec((None,), tf.string, "strings")])
    def decode(strings: Any) -> dict[str, Any]:
        return {
            "floats": tf.map_fn(
                lambda one: images.decode_image(one, *shape),
                strings,
                fn_output_signature=tf.TensorSpec(shape, tf.float32),
            )
        }

    @tf.function(input_signature=[tf.TensorSpec((None, *shape), tf.float32)])
    def encode(floats: Any) -> Any:
        return encoder(floats, training=False)

    def loaded(folder: str | Path, name: str) -> Side:
        """A signature of one input, as a server has it."""
        session = tf.compat.v1.Session(graph=tf.Graph())
        with session.graph.as_default():
            meta = tf.compat.v1.saved_model.load(session, ["serve"], str(folder))
        signature = meta.signature_def[name]
        (given,) = signature.inputs.values()
        fetches = [info.name for info in signature.outputs.values()]
        return session.make_callable(fetches, [given.name])

    floats = decode(strings)["floats"].numpy()
    module = tf.Module()
    module.decode = decode
    served = export.saved_model(encoder, f"{folder}/m", on_error=args.on_error)
    tf.saved_model.save(module, f"{folder}/d", signatures={"decode": decode})
    return {
        "served": (loaded(served, "image_bytes"), strings),
        "keras": (lambda rows: encode(rows).numpy(), floats),
        "floats": (loaded(served, "serving_default"), floats),
        "decode": (loaded(f"{folder}/d", "decode"), strings),
    }


def latencies(sides: Sides, calls: int) -> dict[str, list[float]]:
    """Milliseconds a call takes with one row; the sides take turns call by call."""
    times: dict[str, list[float]] = {name: [] for name in sides}
    for call in range(calls):
        for name, (side, rows) in sides.items():
            row = call % len(rows)
            start = time.perf_counter()
            side(rows[row : row + 1])
            times[name].append(1000 * (time.perf_counter() - start))
    return times


def in_batches(side: Side, rows: Any, batch: int, seconds: float) -> list[float]:
    """Milliseconds a row takes from two threads: by the clock, of the processor."""
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
    spent = time.perf_counter() - start, time.process_time() - cpu
    return [1000 * x / done for x in spent]


def summary(times: list[float], rates: list[list[float]]) -> dict[str, float]:
    import numpy as np

    p10, p50, p99 = np.percentile(times, [10, 50, 99])
    wall, cpu = np.median(rates, axis=0)
    costs = {"p10_ms": p10, "p50_ms": p50, "p99_ms": p99, "ms_per_image": wall}
    costs |= {"cpu_ms_per_image": cpu, "images_per_second": 1000 / wall}
    return {name: round(float(value), 3) for name, value in costs.items()}


def wrapper_share(
    result: dict[str, dict[str, float]], encoder: str, cost: str
) -> float:
    parts = result[encoder][cost] + result["decode"][cost]
    return round(1 - parts / result["served"][cost], 3)


def main() -> None:
    args = harness.parse(__doc__, OPTIONS)
    with tempfile.TemporaryDirectory() as folder:
        sides = make_sides(args, folder)
    times: dict[str, list[float]] = {name: [] for name in sides}
    rates: dict[str, list[list[float]]] = {name: [] for name in sides}
    for number in range(args.rounds + 1):
        one = latencies(sides, args.calls)
        for name, (side, rows) in sides.items():
            rate = in_batches(side, rows, args.batch, args.seconds)
            if number:  # The first round warms up.
                times[name] += one[name]
                rates[name].append(rate)
    result = {name: summary(times[name], rates[name]) for name in sides}
    harness.table(result)
    shares = {
        f"beside {encoder}": {
            name: wrapper_share(result, encoder, cost) for name, cost in COSTS.items()
        }
        for encoder in ("keras", "floats")
    }
    harness.table(shares)
    load = round(os.getloadavg()[0], 2)
    harness.emit(args, {"load": load, **result, "wrapper_share": shares})


if __name__ == "__main__":
    main()
