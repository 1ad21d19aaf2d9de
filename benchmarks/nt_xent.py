# SPDX-License-Identifier: Apache-2.0
"""NT-Xent, forward and backward: cl_keras against lightly, by turns.

    make bench
    python benchmarks/nt_xent.py --peer .venv-peers/bin/python --batch 4096

Each side runs in a process of its own with the same number of threads; the driver
asks them alternately and compares medians. Memory is the peak of a fresh process
after one step, above what it needed for a tiny batch. `product` is one full
(2B, D) x (D, 2B) matrix product in TensorFlow. Prints a table and one JSON line.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time

TEMPERATURE = 0.1


def peak_mb():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def lightly_step(width, threads):
    import torch
    from lightly.loss import NTXentLoss

    torch.set_num_threads(threads)
    loss = NTXentLoss(temperature=TEMPERATURE)

    def make(batch):
        generator = torch.Generator().manual_seed(0)
        views = [
            torch.randn(batch, width, generator=generator).requires_grad_()
            for _ in range(2)
        ]

        def step():
            for view in views:
                view.grad = None
            value = loss(*views)
            value.backward()
            return value.item()

        return step

    return make


def tensorflow_step(width, threads, kind):
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    from cl_keras import losses

    @tf.function
    def gradient(view1, view2):
        with tf.GradientTape() as tape:
            tape.watch((view1, view2))
            value = tf.reduce_mean(losses.nt_xent(view1, view2, TEMPERATURE))
        return value, tape.gradient(value, (view1, view2))

    @tf.function
    def product(view1, view2):
        rows = tf.concat([view1, view2], 0)
        return tf.matmul(rows, rows, transpose_b=True)[:1, 0], ()

    def make(batch):
        views = tf.random.stateless_normal((2, batch, width), (0, 1))
        fn = gradient if kind == "cl_keras" else product
        return lambda: float(tf.reduce_sum(fn(views[0], views[1])[0]))

    return make


def work(side, batch, width, threads):
    """Answers each line on standard input with the seconds of one step."""
    if side == "lightly":
        make = lightly_step(width, threads)
    else:
        make = tensorflow_step(width, threads, side)
    make(64)()
    before = peak_mb()
    step = make(batch)
    value = step()
    print(json.dumps({"extra_mb": peak_mb() - before, "value": value}), flush=True)
    for _ in sys.stdin:
        start = time.perf_counter()
        step()
        print(time.perf_counter() - start, flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peer", required=True, help="python that has lightly")
    parser.add_argument("--batch", type=int, default=4096)
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.worker:
        work(args.worker, args.batch, args.width, args.threads)
        return
    pythons = {"cl_keras": sys.executable, "product": sys.executable}
    pythons["lightly"] = args.peer
    command = [__file__, "--peer", args.peer, "--batch", args.batch]
    command += ["--width", args.width, "--threads", args.threads, "--worker"]
    workers, facts = {}, {}
    for side, python in pythons.items():
        workers[side] = subprocess.Popen(
            [python, *map(str, command), side],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        facts[side] = json.loads(workers[side].stdout.readline())
        facts[side]["seconds"] = []
    for _ in range(args.rounds):
        for side, worker in workers.items():
            worker.stdin.write("\n")
            worker.stdin.flush()
            facts[side]["seconds"].append(float(worker.stdout.readline()))
    for worker in workers.values():
        worker.stdin.close()
        worker.wait()
    result = {"benchmark": "nt_xent", "batch": args.batch, "width": args.width}
    result |= {"threads": args.threads, "rounds": args.rounds}
    for side, fact in facts.items():
        result[f"{side}_seconds"] = round(statistics.median(fact["seconds"]), 4)
        result[f"{side}_extra_mb"] = round(fact["extra_mb"], 1)
        print(
            f"{side:10} {result[f'{side}_seconds']:9.3f} s "
            f"{result[f'{side}_extra_mb']:9.1f} MB",
            file=sys.stderr,
        )
    ours, theirs = facts["cl_keras"]["value"], facts["lightly"]["value"]
    result["values"] = [ours, theirs]  # Of different random rows: near, not equal.
    result["time_ratio"] = round(
        result["cl_keras_seconds"] / result["lightly_seconds"], 3
    )
    result["memory_ratio"] = round(
        result["cl_keras_extra_mb"] / result["lightly_extra_mb"], 3
    )
    result["products"] = round(
        result["cl_keras_seconds"] / result["product_seconds"], 2
    )
    print(json.dumps(result))


if __name__ == "__main__":
    main()
