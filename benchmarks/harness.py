# SPDX-License-Identifier: Apache-2.0
"""What all benchmarks share: options, sides asked by turns, the table, the JSON line.

`compare` runs a script once more for each of its sides, in a process of its own and,
for a peer, by the peer's Python. A side makes ready and then does one turn of work for
each line on its standard input. The sides are asked one after the other, A B C A B C
..., so that what else the machine does meets all alike; figures are medians. A side
with a mistake in it stops the comparison with its own traceback.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

REQUIRED = object()
THREADS = {"threads": os.cpu_count()}
# TensorFlow, loaded after this file, says nothing of GPUs that are not there.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
Args = argparse.Namespace
# A turn of work, and what else is known of its side.
Side = Callable[[Args], tuple[Callable[[], object], dict[str, Any]]]


def parse(doc: str, options: Mapping[str, Any]) -> Args:
    """Parses options, each of the type of its default; False becomes a flag."""
    parser = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name, default in options.items():
        flag = f"--{name.replace('_', '-')}"
        if default is False:
            parser.add_argument(flag, action="store_true")
            continue
        first = default[0] if isinstance(default, list) else default
        required = first is REQUIRED
        parser.add_argument(
            flag,
            type=str if required or first is None else type(first),
            default=None if required else default,
            required=required,
            nargs="+" if isinstance(default, list) else None,
            help="required" if required else f"default: {default}",
        )
    return parser.parse_args()


def compare(
    doc: str,
    sides: Mapping[str, Side],
    ratios: Mapping[str, tuple[str, ...]],
    *,
    options: Mapping[str, Any],
    rounds: int = 5,
    peers: Mapping[str, str] | None = None,
    prepare: Callable[[Args, Path], None] | None = None,
    each: Callable[[Args, dict[str, Any]], dict[str, Any]] | None = None,
) -> None:
    """Measures the sides by turns; prints a table and one JSON line.

    Args:
        doc: The script's docstring.
        sides: Makes a side ready, by its name.
        ratios: By name, one side, the other and what of them, `seconds` by default;
            those of sides that did not run are left out.
        options: Of the script, with their defaults.
        rounds: Turns of each side.
        peers: By the name of a side, the option that names its Python; without that
            option the side is left out.
        prepare: Called with a folder of temporary files before the sides start.
        each: Further figures of a side, from its facts and median `seconds`.
    """
    peers, options = peers or {}, {**options, **THREADS}
    own = {"rounds": rounds, "sides": list(sides), "side": None}
    own |= dict.fromkeys(peers.values())
    args = parse(doc, {**options, **own})
    if args.side:
        try:
            turn, facts = sides[args.side](args)
        except ModuleNotFoundError as error:
            if args.side not in peers:
                raise
            raise SystemExit(f"{error}. {_where_from(peers[args.side])}") from None
        return _answer(turn, {**facts, "peak_mb": round(peak_mb())})
    if unknown := set(args.sides) - set(sides):
        raise SystemExit(f"Expected sides of {list(sides)}. Received: {unknown}")
    pythons = {
        side: getattr(args, peers[side]) if side in peers else sys.executable
        for side in args.sides
    }
    for side, python in pythons.items():
        if not python:
            print(f"{side:22} left out: no --{peers[side]}", file=sys.stderr)
        elif not shutil.which(python):
            raise SystemExit(f"No Python at {python}. {_where_from(peers[side])}")
    with tempfile.TemporaryDirectory() as scratch:
        if prepare:
            prepare(args, Path(scratch))
        settings = {n: getattr(args, n) for n in options}
        results = _ask({s: p for s, p in pythons.items() if p}, settings, args.rounds)
    for result in results.values():
        result |= each(args, result) if each else {}
    figures = {
        name: ratio(results, *pair)
        for name, pair in ratios.items()
        if results.keys() >= set(pair[:2])
    }
    table(results)
    table({name: {"ratio": value} for name, value in figures.items()})
    emit(args, {**figures, "sides": results}, without=own)


def _where_from(option: str) -> str:
    file = Path(__file__).with_name(f"{option}.txt")
    return f"Run `make bench-peers`, or `pip install -r {file}` and what it says."


def _ask(
    pythons: Mapping[str, str], settings: Mapping[str, Any], rounds: int
) -> dict[str, dict[str, Any]]:
    """Facts, `all_seconds` and their median, `seconds`, of each side."""
    command = [sys.argv[0]]
    for name, value in settings.items():
        if value is not None:
            command += [f"--{name.replace('_', '-')}", str(value)]
    workers: dict[str, subprocess.Popen[str]] = {}
    results: dict[str, dict[str, Any]] = {}
    try:
        for side, python in pythons.items():
            workers[side] = subprocess.Popen(
                [python, *command, "--side", side],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            facts = json.loads(_line(side, workers[side]))
            results[side] = {**facts, "all_seconds": []}
        for _ in range(rounds):
            for side, worker in workers.items():
                print(file=worker.stdin, flush=True)
                seconds = float(_line(side, worker))
                results[side]["all_seconds"].append(round(seconds, 5))
    finally:
        for worker in workers.values():
            worker.stdin.close()
            worker.wait()
    for result in results.values():
        result["seconds"] = round(statistics.median(result["all_seconds"]), 5)
    return results


def _line(side: str, worker: subprocess.Popen[str]) -> str:
    line = worker.stdout.readline()
    if not line:
        raise SystemExit(f"The side {side!r} stopped; its traceback is above.")
    return line


def _answer(turn: Callable[[], object], facts: Mapping[str, Any]) -> None:
    print(json.dumps(facts), flush=True)
    for _ in sys.stdin:
        start = time.perf_counter()
        turn()
        print(time.perf_counter() - start, flush=True)


def ratio(
    results: Mapping[str, Mapping[str, Any]],
    side: str,
    other: str,
    key: str = "seconds",
) -> float | None:
    """One side's figure in terms of another's; None where that is nothing."""
    if not results[other][key]:
        return None
    return round(results[side][key] / results[other][key], 3)


def table(rows: Mapping[str, Mapping[str, Any]]) -> None:
    """Prints a line of figures for each name on standard error."""
    for name, row in rows.items():
        facts = dict(row)
        if all_seconds := facts.pop("all_seconds", None):
            facts["turns"] = f"{min(all_seconds):.4f}..{max(all_seconds):.4f} s"
        cells = (
            f"{key} {value:,.4g}" if isinstance(value, float) else f"{key} {value}"
            for key, value in facts.items()
        )
        print(f"{name:22} {'  '.join(cells)}", file=sys.stderr, flush=True)


def spread(rows: list[dict[str, float]]) -> dict[str, dict[str, float]]:
    """Mean and deviation, over rows, of each of their figures."""
    found = {}
    for name in rows[0]:
        values = [row[name] for row in rows]
        deviation = statistics.stdev(values) if len(values) > 1 else 0.0
        found[name] = {
            "mean": round(statistics.mean(values), 4),
            "deviation": round(deviation, 4),
        }
    return found


def emit(args: Args, result: Mapping[str, Any], without: Iterable[str] = ()) -> None:
    """Prints the JSON line: the benchmark, its settings (no folders), its figures."""
    settings = {
        name: Path(value).name if isinstance(value, str) else value
        for name, value in vars(args).items()
        if name not in without and value is not None
    }
    print(json.dumps({"benchmark": Path(sys.argv[0]).stem, **settings, **result}))


def peak_mb() -> float:
    """Largest resident memory of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def with_memory(
    make: Callable[[int], Callable[[], Any]], small: int, size: int
) -> tuple[Callable[[], Any], dict[str, Any]]:
    """A turn, and the peak of its first run above that of a small one."""
    make(small)()
    before = peak_mb()
    turn = make(size)
    value = turn()
    return turn, {"extra_mb": round(peak_mb() - before, 1), "value": round(value, 4)}


def tensorflow(threads: int) -> Any:
    """TensorFlow with so many threads, and oneDNN."""
    # As `cl-keras` does; 0 in the environment measures without.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    return tf


def jpeg_files(folder: str, count: int | None = None) -> list[Path]:
    """So many JPEG files, evenly from a folder and what is in it; all by default."""
    files = sorted(Path(folder).rglob("*.jp*g"))
    if not files:
        raise SystemExit(f"No JPEG files in {folder}")
    count = count or len(files)
    return [files[i * len(files) // count] for i in range(count)]
