# SPDX-License-Identifier: Apache-2.0
"""How time and peak memory grow: loss, kNN, graphs, and the pipeline with cores.

    python benchmarks/growth.py --out docs/growth.png
    python benchmarks/growth.py --images cifar10/train --out docs/growth.png

Every point is a fresh process: the shortest of three turns (one, if it takes over 8 s),
and the peak of memory above what the process held before them.

- `nt_xent`: B rows of 128 a view, forward and backward pass;
- `knn`: 1,000 queries of 128 features against a bank of n rows, k = 200;
- `dgi`: a step on a graph of n nodes, ten edges a node on average, their ends drawn
  by a power law, 64 features, a GCN of 64;
- `pipeline`: two views of 8,192 images of 32x32 from JPEG with 1 .. all threads
  (with `--images` only), in seconds.

Prints tables and one JSON line; `--out` draws them with both axes logarithmic.
"""

import argparse
import json
import os
import subprocess
import sys
import time

import nt_xent as nt_xent_benchmark
import turns

SIZES = {
    "nt_xent": [2**k for k in range(8, 17)],
    "knn": [1_000, 10_000, 100_000, 1_000_000],
    "dgi": [1_000, 10_000, 100_000, 1_000_000],
}


def nt_xent(size, args):
    return nt_xent_benchmark.ours(128, args.threads, "cl_keras")


def knn(size, args):
    turns.tensorflow(args.threads)
    import numpy as np

    from cl_keras import evaluate

    rng = np.random.default_rng(0)
    bank = rng.standard_normal((size, 128), np.float32)
    labels = rng.integers(0, 10, size)

    def make(rows):
        return lambda: evaluate.knn(
            bank[:rows], labels[:rows], bank[:1000], labels[:1000], k=200
        )

    return make


def dgi(size, args):
    tf = turns.tensorflow(args.threads)
    import keras
    import numpy as np

    from cl_keras import data, encoders, methods

    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)

    def make(nodes):
        # Ends with density proportional to rank^-0.5: degrees follow a power law.
        edges = (nodes * rng.random((5 * nodes, 2)) ** 2).astype(np.int64)
        edges = np.concatenate([edges, edges[:, ::-1]])
        features = rng.standard_normal((nodes, 64), np.float32)
        graph = data.GraphData("power law", features, edges)
        model = methods.DeepGraphInfomax(encoders.gcn(graph.shape, units=64))
        model.compile(keras.optimizers.Adam(1e-3))
        model.optimizer.build(model.trainable_variables)
        batch = next(iter(data.whole_graph(graph)))
        step = tf.function(model.train_step, autograph=False)
        return lambda: float(step(batch)["loss"])

    return make


def pipeline(size, args):
    args.threads = size
    tf = turns.tensorflow(size)
    from cl_keras import augment, data

    images = data.encoded_images(turns.jpeg_files(args.images, 8192))
    views = augment.SimCLRImages(size=32, blur=0.0)
    options = tf.data.Options()
    options.threading.private_threadpool_size = size
    batches = data.encoded_two_views(images, views, 512).with_options(options)
    return lambda _: lambda: sum(1 for _ in batches)


# What makes a turn, and what its size counts.
KINDS = {
    "nt_xent": (nt_xent, "batch"),
    "knn": (knn, "rows of the bank"),
    "dgi": (dgi, "nodes"),
    "pipeline": (pipeline, "threads"),
}


def point(kind, size, args):
    make = KINDS[kind][0](size, args)
    make(min(size, 256))()
    before = turns.peak_mb()
    turn = make(size)
    seconds = []
    # Of several seconds, the first turn's tracing is a small part.
    while len(seconds) < 3 and (not seconds or seconds[0] < 8.0):
        start = time.perf_counter()
        turn()
        seconds.append(time.perf_counter() - start)
    extra = round(turns.peak_mb() - before, 1)
    print(json.dumps({"size": size, "seconds": min(seconds), "extra_mb": extra}))


def draw(tables, out):
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, rows = pyplot.subplots(2, len(tables), figsize=(3.4 * len(tables), 6))
    for number, (kind, points) in enumerate(tables.items()):
        column = rows.reshape(2, -1)[:, number]
        sizes = [p["size"] for p in points]
        for axis, key in zip(column, ("seconds", "extra_mb"), strict=True):
            # Below a megabyte the peak is that of the allocator.
            axis.loglog(sizes, [max(p[key], 0.001) for p in points], "o-")
            axis.set_ylabel(key.replace("extra_mb", "extra peak memory, MB"))
            axis.grid(alpha=0.3)
        column[0].set_title(kind)
        column[1].set_xlabel(KINDS[kind][1])
    figure.tight_layout()
    figure.savefig(out, dpi=110)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(SIZES))
    parser.add_argument("--images", help="folder of JPEG files, for the pipeline")
    parser.add_argument("--largest", type=int, help="leave larger points out")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--out", help="figure to draw")
    parser.add_argument("--point", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.point:
        return point(args.point[0], int(args.point[1]), args)
    kinds = args.kinds + ["pipeline"] * bool(args.images)
    tables = {}
    for kind in kinds:
        sizes = SIZES.get(kind, list(range(1, args.threads + 1)))
        tables[kind] = []
        for size in sizes:
            if args.largest and size > args.largest:
                continue
            command = [sys.executable, sys.argv[0], "--threads", str(args.threads)]
            command += ["--images", args.images] if args.images else []
            done = subprocess.run(
                [*command, "--point", kind, str(size)],
                stdout=subprocess.PIPE,
                text=True,
                check=True,
            )
            found = json.loads(done.stdout)
            found["seconds"] = float(f"{found['seconds']:.3g}")
            tables[kind].append(found)
            print(
                f"{kind:10} {size:>9,} {found['seconds']:>10.3f} s "
                f"{found['extra_mb']:>9,.1f} MB",
                file=sys.stderr,
            )
    if args.out:
        draw(tables, args.out)
    print(json.dumps({"benchmark": "growth", "threads": args.threads, **tables}))


if __name__ == "__main__":
    main()
