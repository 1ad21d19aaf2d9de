# SPDX-License-Identifier: Apache-2.0
r"""Trainings killed at random moments and resumed: are the weights the same?

    python benchmarks/kill_and_resume.py --method simclr --data digits
    python benchmarks/kill_and_resume.py --method cpc --data folder:recordings \
        --set data.window=4096 --set encoder.channels=32

Trains once without interruption, then again and again: each time in a process that
gets SIGKILL at a random moment; all checkpoints it left are read, and this process
resumes the training to its end. Prints one JSON line: how many of the resumed trainings
ended with the very weights of the uninterrupted one, the largest difference, and where
they were killed. Run the command again to go on where it stopped.
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


def kill(out, seconds):
    """Kills a training so long after its first checkpoint; says how far it was."""
    line = [sys.executable, *sys.argv, "--child", str(out)]
    process = subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    while process.poll() is None and not list(out.glob("checkpoints/0*")):
        time.sleep(0.01)
    try:
        process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
    # Each must be whole, whatever the moment.
    found = [checkpoint.load(path) for path in sorted(out.glob("checkpoints/0*"))]
    return found[-1].progress, process.returncode == -9


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
    whole = train(args, out / "whole")
    expected, span = weights(out / "whole"), whole["train_seconds"]
    draw = random.Random(args.seed)
    log = out / "killed.jsonl"
    done = log.read_text().splitlines() if log.exists() else []
    rows = [json.loads(line) for line in done]
    for number in range(args.kills):
        moment = draw.uniform(0, span)
        if number < len(rows):
            continue
        folder = out / "killed"
        shutil.rmtree(folder, ignore_errors=True)
        progress, killed = kill(folder, moment)
        ended = train(args, folder)
        pairs = zip(weights(folder), expected, strict=True)
        row = {
            "epoch": progress.epoch,
            "step": progress.step,
            "killed": killed and not progress.finished,
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
        "train_seconds": span,
        "killed_in_training": sum(row["killed"] for row in rows),
        "same_weights": sum(row["difference"] == 0 for row in rows),
        "same_loss": sum(row["same_loss"] for row in rows),
        "largest_difference": max(row["difference"] for row in rows),
        "last_checkpoints": [[row["epoch"], row["step"]] for row in rows],
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
