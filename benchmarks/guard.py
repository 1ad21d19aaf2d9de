# SPDX-License-Identifier: Apache-2.0
"""Regression guard: measures the cheap ratios again, fails if one is 25 % worse.

    make bench-guard
    python benchmarks/guard.py --images cifar10/train --planetoid DATA/planetoid
    python benchmarks/guard.py --write   # into the baseline, what is worse than it

Ratios only, each of two sides of one run on one machine: the limits it compares with
(a matrix product, the plain formula, a bare step) are of the same machine. They differ
between processors all the same: the baseline (`guard.json`) has the worse of one with
AVX2 and one with AVX-512. A ratio counts as lost if it fails three times. Of views from
JPEG there is none: on a busy machine they differ by more than the guard allows.
Benchmarks whose data is not given are named and left out. Exit code 1 for a loss.
"""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import harness

BASELINE = Path(__file__).with_name("guard.json")
LOSS = 0.25
# Script: its options, and the ratios; the sign says what is worse: more or less.
CHECKS: dict[str, tuple[str, dict[str, int]]] = {
    "nt_xent": (
        "--rounds 7",
        {"products": 1, "time_of_plain": 1, "memory_of_plain": 1},
    ),
    "knn": ("--bank 20000 --queries 4000 --rounds 5", {"products": 1}),
    "simclr_fit": (
        "--images {images} --batch 128 --steps 48 --rounds 3 --sides decoded bare",
        {"decoded_share_of_bare": -1},
    ),
    "dgi_epoch": (
        "--data {planetoid} --train 2 --rounds 3",
        {"share_of_limit": -1},
    ),
}


def measure(script: str, options: list[str]) -> dict[str, Any]:
    file = Path(__file__).with_name(f"{script}.py")
    done = subprocess.run(
        [sys.executable, str(file), *options], capture_output=True, text=True
    )
    if done.returncode:
        raise SystemExit(f"{script}.py failed:\n{done.stderr}")
    return json.loads(done.stdout)


def loss(value: float, baseline: float, sign: int) -> float:
    """How much worse than the baseline, as a share of it."""
    return (value / baseline if sign > 0 else baseline / value) - 1.0


def worse(
    values: dict[str, float], before: dict[str, float], ratios: dict[str, int]
) -> dict[str, float]:
    """Of each ratio the worse of what is measured and what was there, if it was."""
    choose = {1: max, -1: min}
    return {
        name: choose[sign](values[name], before.get(name, values[name]))
        for name, sign in ratios.items()
    }


def check(
    script: str,
    options: list[str],
    ratios: dict[str, int],
    baseline: dict[str, float] | None,
) -> tuple[dict[str, float], list[str]]:
    """The ratios, and which of them were lost three times; prints both."""
    for _ in range(3):
        result = measure(script, options)
        values = {name: result[name] for name in ratios}
        before = baseline or values
        changes = {n: loss(values[n], before[n], sign) for n, sign in ratios.items()}
        if max(changes.values()) <= LOSS:
            break
    lost = [name for name in ratios if changes[name] > LOSS]
    for name, value in values.items():
        line = f"{script:14} {name:22} {value:8.3f}  was {before[name]:8.3f}"
        print(line + (f"  {changes[name]:.0%} worse" if name in lost else ""))
    return values, [f"{script}: {name}" for name in lost]


def main() -> None:
    data = {"images": None, "planetoid": None}
    args = harness.parse(__doc__, {**data, "write": False})
    baselines = json.loads(BASELINE.read_text()) if BASELINE.exists() else {}
    lost = []
    for script, (options, ratios) in CHECKS.items():
        missing = [x for x in data if f"{{{x}}}" in options and not getattr(args, x)]
        if missing:
            print(f"{script:14} left out: it needs --{missing[0]}")
            continue
        words = [word.format(**vars(args)) for word in shlex.split(options)]
        before = baselines.get(script, {})
        values, losses = check(script, words, ratios, None if args.write else before)
        lost += losses
        baselines[script] = worse(values, before, ratios)
    if args.write:
        BASELINE.write_text(json.dumps(baselines, indent=1, sort_keys=True) + "\n")
    if lost:
        raise SystemExit(f"Slower than the baseline by over {LOSS:.0%}: {lost}")


if __name__ == "__main__":
    main()
