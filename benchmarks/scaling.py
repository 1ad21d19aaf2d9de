# SPDX-License-Identifier: Apache-2.0
"""Does the number of devices, or of workers, change what is trained?

    python benchmarks/scaling.py --data cifar10
    python benchmarks/scaling.py --methods simclr cpc --replicas 1 2 --workers 2 3

Trains every method for a few steps (those of `tests/replicas.py`: SGD, the gradient
clipped by its global norm, an uneven last batch) on R devices of one process, and on
several processes, from the same start on the same global batches. Prints the largest
difference of a loss or metric and of a weight to one device, and the seconds of `fit`,
tracing included. On CPU, devices share the cores: times show what the machinery costs,
not a speed-up.

Then, by `benchmarks/micro_batch.py`, peak memory and time of SimCLR's step on global
batches of `--batches` images, whole and by `micro_batch=256`; and, with `--data` (a
folder of images, such as CIFAR-10's), by `benchmarks/bulk_embedding.py`, how many
images a second the embedding pipeline takes and whether each came once. Ends with one
JSON line of all.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from replica_processes import Trainer  # noqa: E402


def train(method, **where):
    """What the last of the processes has seen."""
    trainer = Trainer(**where)
    try:
        history, weights = trainer.train(method, "--epochs=2")[-1]
    finally:
        trainer.close()
    return history.pop("seconds"), history, weights


def benchmark(name, *options):
    """The JSON line that another benchmark ends with; its table shows as it comes."""
    script = ROOT / "benchmarks" / name
    done = subprocess.run(
        [sys.executable, script, *map(str, options)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    if done.returncode:
        raise SystemExit(f"{name} failed with {done.returncode}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def compare(found, one):
    seconds, history, weights = found
    metrics = max(
        float(np.max(np.abs(np.subtract(values, one[1][name]))))
        for name, values in history.items()
        if name != "rank_me"  # It drops singular values in the noise, one by one.
    )
    weight = max(
        float(np.abs(a - b).max()) for a, b in zip(weights, one[2], strict=True)
    )
    return {"metrics": metrics, "weights": weight, "seconds": round(seconds, 1)}


def main():
    known = sorted(p.stem for p in (ROOT / "tests" / "replica_cases").glob("*.py"))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--methods", nargs="+", default=known, choices=known)
    parser.add_argument("--replicas", nargs="+", type=int, default=[1, 2, 4])
    parser.add_argument("--workers", nargs="*", type=int, default=[2])
    parser.add_argument("--worker-methods", nargs="+", default=["simclr"])
    parser.add_argument("--tolerance", type=float, default=1e-5)
    parser.add_argument("--batches", nargs="*", type=int, default=[4096, 16384])
    parser.add_argument("--data", help="folder of images to embed in bulk")
    args = parser.parse_args()
    began = time.perf_counter()
    print(f"{'method':22}{'on':>12}{'metrics':>12}{'weights':>12}{'seconds':>10}")
    rows = {}

    def show(method, where, row):
        rows.setdefault(method, {})[where] = row
        metrics, weights, seconds = row.values()
        print(
            f"{method:22}{where:>12}{metrics:12.1e}{weights:12.1e}{seconds:10.1f}",
            flush=True,
        )

    for method in args.methods:
        one = train(method)
        for count in args.replicas:
            found = one if count == 1 else train(method, devices=count)
            plural = "" if count == 1 else "s"
            show(method, f"{count} device{plural}", compare(found, one))
        if method in args.worker_methods:
            for count in args.workers:
                found = train(method, workers=count)
                show(method, f"{count} workers", compare(found, one))
    batches = {}
    for size in args.batches:
        # The whole batch has to fit into memory too: fewer channels for more images.
        width, steps = (32, 2) if size <= 4096 else (8, 1)
        options = ("--batch", size, "--width", width, "--steps", steps)
        batches[size] = benchmark("micro_batch.py", *options)
    embedding = benchmark("bulk_embedding.py", "--data", args.data) if args.data else {}
    if embedding:
        print(
            f"bulk embedding: {embedding['rows_per_second']} images/s, "
            f"{embedding['once']:,} of {embedding['files']:,} exactly once"
        )
    worst = max(row["weights"] for of in rows.values() for row in of.values())
    once = embedding.get("once") == embedding.get("files")
    ok = worst < args.tolerance and once
    print(
        json.dumps(
            {
                "benchmark": "scaling",
                "ok": ok,
                "largest_weight_difference": worst,
                "tolerance": args.tolerance,
                "seconds": round(time.perf_counter() - began),
                "rows": rows,
                "micro_batch": batches,
                "bulk_embedding": embedding,
            }
        )
    )
    sys.exit(0 if ok else 1)


if __name__ == "__main__":
    main()
