# SPDX-License-Identifier: Apache-2.0
"""Comparisons: each side in a process of its own, asked by turns.

A script calls itself once for each side. The side makes ready, measures its memory,
and `answer`s: one turn of work for each line on its standard input. The driver
(`compare`) asks one side after the other, A B C A B C ..., so that what else the
machine does meets all alike, and `report`s medians. A side with a mistake in it stops
the comparison with its own traceback.
"""

import json
import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path


def peak_mb():
    """Largest resident memory of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def tensorflow(threads):
    """TensorFlow with so many threads, oneDNN, and no start-up messages."""
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    # As `cl-keras` does; 0 in the environment measures without.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    return tf


def jpeg_files(folder, count):
    """So many JPEG files, evenly from a folder and what is in it."""
    files = sorted(Path(folder).rglob("*.jp*g"))
    return [files[i * len(files) // count] for i in range(count)]


def answer(turn, **facts):
    """The side: prints `facts` once, then the seconds of a turn for each line read."""
    print(json.dumps(facts), flush=True)
    for _ in sys.stdin:
        start = time.perf_counter()
        turn()
        print(time.perf_counter() - start, flush=True)


def compare(sides, settings, rounds):
    """The driver: facts and medians of all sides, asked by turns.

    Args:
        sides: Name of each side: the Python that runs it.
        settings: Options that each side gets, by name.
        rounds: Turns of each.

    Returns:
        For each side its facts, `seconds` (median of its turns) and `all_seconds`.
    """
    options = [str(x) for name, value in settings.items() for x in (f"--{name}", value)]
    command = [sys.argv[0], *options, "--side"]
    workers = {}
    results = {}
    try:
        for side, python in sides.items():
            workers[side] = subprocess.Popen(
                [python, *command, side],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            results[side] = json.loads(_line(side, workers[side]))
            results[side]["all_seconds"] = []
        for _ in range(rounds):
            for side, worker in workers.items():
                worker.stdin.write("\n")
                worker.stdin.flush()
                seconds = float(_line(side, worker))
                results[side]["all_seconds"].append(round(seconds, 5))
    finally:
        for worker in workers.values():
            worker.stdin.close()
            worker.wait()
    for result in results.values():
        result["seconds"] = round(statistics.median(result["all_seconds"]), 5)
    return results


def _line(side, worker):
    line = worker.stdout.readline()
    if not line:
        raise SystemExit(f"The side {side!r} stopped; its traceback is above.")
    return line


def report(name, arguments, results, ratios):
    """Prints a table on standard error and one JSON line.

    Args:
        name: Of the benchmark.
        arguments: Named settings of the run.
        results: What `compare` returned.
        ratios: Named figures made of them.
    """
    for side, result in results.items():
        spread = f"{min(result['all_seconds']):.4f}..{max(result['all_seconds']):.4f}"
        facts = "  ".join(
            f"{key} {value:,.4g}" if isinstance(value, float) else f"{key} {value}"
            for key, value in result.items()
            if key not in ("seconds", "all_seconds")
        )
        line = f"{side:12} {result['seconds']:9.4f} s ({spread})  {facts}"
        print(line, file=sys.stderr)
    for key, value in ratios.items():
        print(f"{key:>30} {value}", file=sys.stderr)
    line = {"benchmark": name, **arguments, **ratios, "sides": results}
    print(json.dumps(line))


def ratio(results, side, other, key="seconds"):
    """One side's figure in terms of another's; None where that is nothing."""
    if not results[other][key]:
        return None
    return round(results[side][key] / results[other][key], 3)


def parser(doc, *, rounds, peer=True):
    """The arguments that every comparison takes."""
    import argparse

    found = argparse.ArgumentParser(description=doc.splitlines()[0])
    if peer:
        found.add_argument("--peer", help="python of the peers; without it, only ours")
    found.add_argument("--rounds", type=int, default=rounds)
    found.add_argument("--threads", type=int, default=os.cpu_count())
    found.add_argument("--side", help=argparse.SUPPRESS)
    return found
