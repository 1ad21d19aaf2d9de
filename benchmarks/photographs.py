# SPDX-License-Identifier: Apache-2.0
"""A folder of photographs of 12 megapixels: time to the first step, and memory.

    python benchmarks/photographs.py --images flowers/train

Some images, enlarged to 4,000 x 3,000 pixels with a little noise, stand in the folder
under `--count` names (hard links). `cl-keras train simclr` runs on it in a process of
its own for `--steps` steps. `first_batch` and `first_step` are seconds from the start
of that process, imports included, until the first batch is there and until the first
step is done; `images_per_second` is of the steps after that; `peak_mb` of the process.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import harness

# What the command does, and besides notes when a batch is there and a step is done.
CHILD = """
import json, resource, sys, time
begin, steps, *arguments = sys.argv[1:]
import tensorflow as tf
from cl_keras import cli
from cl_keras.runs import callbacks, health

noted = {"batches": [], "steps": []}
watch, done = health.DataWait.watch, callbacks.ProgressBar.on_train_batch_end

def note(name):
    noted[name].append(round(time.time() - float(begin), 2))
    if len(noted["steps"]) == int(steps):
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        sys.__stdout__.write(json.dumps({**noted, "peak_mb": peak}) + "\\n")
        sys.__stdout__.flush()
        raise KeyboardInterrupt

def watched(self, batches):
    def look(*batch):
        arrived = tf.py_function(lambda: note("batches"), [], [])
        with tf.control_dependencies([arrived]):
            return tf.nest.map_structure(tf.identity, batch)
    return watch(self, batches).map(look)

def stepped(self, batch, logs=None):
    done(self, batch, logs)
    note("steps")

health.DataWait.watch, callbacks.ProgressBar.on_train_batch_end = watched, stepped
sys.argv = ["cl-keras", *arguments]
cli.main()
"""


def make_photographs(files: list[Path], folder: Path, size: tuple[int, int]) -> None:
    """Enlarges images; without noise their files would be small and quick to read."""
    import numpy as np
    from PIL import Image

    for number, file in enumerate(files):
        large = Image.open(file).convert("RGB").resize(size, Image.Resampling.BICUBIC)
        noise = np.random.default_rng(number).normal(0, 4, (size[1], size[0], 1))
        levels = np.clip(np.asarray(large, np.float32) + noise, 0, 255)
        path = folder / f"{number:03}.jpg"
        Image.fromarray(levels.astype(np.uint8)).save(path, quality=90)


def main() -> None:
    args = harness.parse(
        __doc__,
        {
            "images": harness.REQUIRED,
            "count": 20_000,
            "distinct": 36,
            "width": 4000,
            "height": 3000,
            "size": 96,
            "batch": 64,
            "micro": 0,
            "steps": 8,
        },
    )
    with tempfile.TemporaryDirectory() as scratch:
        distinct, folder = Path(scratch, "distinct"), Path(scratch, "photographs")
        distinct.mkdir()
        folder.mkdir()
        files = harness.jpeg_files(args.images, args.distinct)
        make_photographs(files, distinct, (args.width, args.height))
        made = sorted(distinct.iterdir())
        for number in range(args.count):
            os.link(made[number % len(made)], folder / f"{number:06}.jpg")
        command = ["train", "simclr", "--data", f"folder:{folder}", "--no-evaluate"]
        command += ["--image-size", str(args.size), "--batch-size", str(args.batch)]
        command += ["--epochs", "1", "--out", str(Path(scratch, "run")), "--no-draw"]
        if args.micro:
            command += ["--set", f"micro_batch={args.micro}"]
        done = subprocess.run(
            [sys.executable, "-c", CHILD, str(time.time()), str(args.steps), *command],
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
    lines = [line for line in done.stdout.splitlines() if line.startswith('{"batches"')]
    if not lines:
        raise SystemExit("The training stopped before its steps were done.")
    noted = json.loads(lines[0])
    taken = noted["steps"][-1] - noted["steps"][0]
    result = {
        "first_batch": noted["batches"][0],
        "first_step": noted["steps"][0],
        "images_per_second": round((args.steps - 1) * args.batch / taken, 1),
        "peak_mb": noted["peak_mb"],
    }
    harness.table({"train": result})
    harness.emit(args, result)


if __name__ == "__main__":
    main()
