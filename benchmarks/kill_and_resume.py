# SPDX-License-Identifier: Apache-2.0
r"""Trainings killed at random moments and resumed: are the weights the same?

    python benchmarks/kill_and_resume.py --method simclr --data digits
    python benchmarks/kill_and_resume.py --method cpc --data folder:recordings \
        --set data.window=4096 --set encoder.channels=32

Trains once without interruption, then again and again: each time in a process that
gets SIGKILL at a random moment between its first checkpoint and its end; all
checkpoints it left are read, and this process resumes the training. A training that
ended before its moment came does not count. Prints one JSON line: how many of the
resumed trainings ended with the very weights of the uninterrupted one, the largest
difference, and where they were killed. Run the command again to go on where it stopped.
"""

import argparse
import json
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import keras
import numpy as np
from rich.console import Console

from cl_keras import runs
from cl_keras.runs import checkpoint


def train(args, out):
    config = runs.TrainConfig.for_method(
        args.method,
        data=args.data,
        out=str(out),
        epochs=args.epochs,
        batch_size=args.batch,
        settings=runs.parse_settings(args.set),
    )
    return runs.train(
        config,
        resume=True,
        finish=False,
        checkpoint_seconds=args.seconds,
        console=Console(quiet=True),
    )


def weights(out):
    return keras.saving.load_model(out / "encoder.keras", compile=False).get_weights()


def kill(out, seconds=None):
    """Kills a training so long after its first checkpoint.

    Says how far it was, whether it was killed, and the seconds from its first
    checkpoint to its last.
    """
    line = [sys.executable, *sys.argv, "--child", str(out)]
    process = subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    while process.poll() is None and not list(out.glob("checkpoints/0*")):
        time.sleep(0.01)
    first = time.time()
    try:
        process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
    paths = sorted(out.glob("checkpoints/0*"))
    # Each must be whole, whatever the moment.
    found = [checkpoint.load(path) for path in paths]
    span = paths[-1].stat().st_mtime - first
    return found[-1].progress, process.returncode == -9, span


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--method", default="simclr")
    parser.add_argument("--data", default="digits")
    parser.add_argument("--out", default="runs/kill")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--seconds", type=float, default=0.3, help="of a checkpoint")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        train(args, Path(args.child))
        return
    out = Path(args.out)
    span_file = out / "span.txt"
    if not span_file.exists():
        shutil.rmtree(out, ignore_errors=True)
        span = kill(out / "whole")[2]
        span_file.write_text(str(span))
    span = float(span_file.read_text())
    whole, expected = train(args, out / "whole"), weights(out / "whole")
    draw = random.Random(args.seed)
    log = out / "killed.jsonl"
    done = log.read_text().splitlines() if log.exists() else []
    rows = [json.loads(line) for line in done]
    draws = 0
    while len(rows) < args.kills:
        moment = draw.uniform(0, span)
        draws += 1
        if rows and draws <= rows[-1]["draws"]:
            continue
        folder = out / "killed"
        shutil.rmtree(folder, ignore_errors=True)
        progress, killed, _ = kill(folder, moment)
        if not killed or progress.finished:
            continue
        ended = train(args, folder)
        pairs = zip(weights(folder), expected, strict=True)
        row = {
            "epoch": progress.epoch,
            "step": progress.step,
            "draws": draws,
            "difference": max(float(np.abs(x - y).max()) for x, y in pairs),
            "same_loss": ended["loss"] == whole["loss"],
        }
        rows.append(row)
        with log.open("a") as file:
            file.write(json.dumps(row) + "\n")
        print(row, file=sys.stderr, flush=True)
    result = {"benchmark": "kill_and_resume"} | vars(args)
    del result["child"], result["out"]
    result |= {
        "train_seconds": round(span, 1),
        "same_weights": sum(row["difference"] == 0 for row in rows),
        "same_loss": sum(row["same_loss"] for row in rows),
        "largest_difference": max(row["difference"] for row in rows),
        "last_checkpoints": [[row["epoch"], row["step"]] for row in rows],
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
