# SPDX-License-Identifier: Apache-2.0
"""Regression guard: measures the cheap ratios again, fails if one is 25 % worse.

    make bench-guard
    python benchmarks/guard.py --images cifar10/train --planetoid DATA/planetoid
    python benchmarks/guard.py --write        # take what is measured as the baseline

Ratios only, each of two sides of one run on one machine, so that the baseline
(`guard.json`) holds on other machines, roughly: the limits it compares with (a matrix
product, the plain formula, a bare step) are of the same machine. A ratio counts as lost
if it fails three times. Of views from JPEG there is none: on a busy machine they differ
by more than the guard allows. Benchmarks whose data is not given are named and left
out. Prints a table; exit code 1 for a loss.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

BASELINE = Path(__file__).with_name("guard.json")
LOSS = 0.25
# Script, its arguments, and the ratios; the sign says what is worse: more or less.
CHECKS = {
    "nt_xent": (
        ["--rounds", "7"],
        {"products": 1, "time_of_plain": 1, "memory_of_plain": 1},
    ),
    "knn": (
        ["--bank", "20000", "--queries", "4000", "--rounds", "5"],
        {"products": 1},
    ),
    "simclr_fit": (
        ["--batch", "256", "--steps", "4", "--rounds", "3"],
        {"share_of_bare": -1},
    ),
    "dgi_epoch": (["--train", "2", "--rounds", "3"], {"share_of_limit": -1}),
}
NEEDS = {"simclr_fit": "images", "dgi_epoch": "planetoid"}


def measure(script, arguments):
    file = Path(__file__).with_name(f"{script}.py")
    done = subprocess.run(
        [sys.executable, str(file), *arguments],
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise SystemExit(f"{script}.py failed:\n{done.stderr}")
    return json.loads(done.stdout)


def loss(found, wanted, sign):
    """How much worse than the baseline, as a share of it."""
    return (found / wanted if sign > 0 else wanted / found) - 1.0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", help="class folders of JPEG files of 32x32")
    parser.add_argument("--planetoid", help="folder of the ind.cora.* files")
    parser.add_argument("--write", action="store_true", help="write the baseline")
    args = parser.parse_args()
    baseline = json.loads(BASELINE.read_text()) if BASELINE.exists() else {}
    failed = []
    for script, (arguments, ratios) in CHECKS.items():
        if need := NEEDS.get(script):
            folder = getattr(args, need)
            if not folder:
                print(f"{script:14} left out: it needs --{need}")
                continue
            name = "--data" if need == "planetoid" else "--images"
            arguments = [name, folder, *arguments]
        result = measure(script, arguments)
        known = baseline.setdefault(script, {})
        if args.write:
            known.update({name: result[name] for name in ratios})
        for _ in range(2):
            losses = [loss(result[name], known[name], ratios[name]) for name in ratios]
            if max(losses) > LOSS:
                result = measure(script, arguments)
        for name, sign in ratios.items():
            change = loss(result[name], known[name], sign)
            line = f"{script:14} {name:22} {result[name]:8.3f}  was {known[name]:8.3f}"
            if change > LOSS:
                failed.append(f"{script}: {name}")
                line += f"  {change:.0%} worse"
            print(line)
    if args.write:
        BASELINE.write_text(json.dumps(baseline, indent=1, sort_keys=True) + "\n")
    if failed:
        raise SystemExit(f"Slower than the baseline by over {LOSS:.0%}: {failed}")


if __name__ == "__main__":
    main()
