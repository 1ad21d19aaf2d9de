# SPDX-License-Identifier: Apache-2.0
"""Time until something is there: import, help, a zoo encoder, a first step.

    python benchmarks/startup.py

Each is a process of its own. The interpreter's own start, measured beside it by
turns, is taken off `import`, and is in `help`, as a user sees it. `zoo_load` and
`first_step` are timed inside, after TensorFlow and Keras are imported. Prints a table
and one JSON line.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time

LOAD = """
import time, keras, tensorflow
from cl_keras import zoo
start = time.perf_counter()
zoo.load("simclr_compact_cifar10")
print(time.perf_counter() - start)
"""
FIRST_STEP = """
import time, keras, tensorflow, numpy as np
start = time.perf_counter()
from cl_keras import augment, data, encoders, methods
images = np.zeros((512, 32, 32, 3), np.uint8)
model = methods.SimCLR(encoders.compact_resnet())
model.compile("adam")
views = data.two_views(images, augment.SimCLRImages(size=32), batch_size=256)
model.fit(views, steps_per_epoch=1, epochs=1, verbose=0)
print(time.perf_counter() - start)
"""


def run(*arguments):
    start = time.perf_counter()
    done = subprocess.run(
        arguments,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        check=True,
    )
    return time.perf_counter() - start, done.stdout


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    python = sys.executable
    found = {name: [] for name in ("import", "help", "zoo_load", "first_step")}
    for _ in range(args.rounds + 1):
        empty, _ = run(python, "-c", "pass")
        found["import"].append(run(python, "-c", "import cl_keras")[0] - empty)
        found["help"].append(run(python, "-m", "cl_keras.cli", "--help")[0])
        found["zoo_load"].append(float(run(python, "-c", LOAD)[1]))
        found["first_step"].append(float(run(python, "-c", FIRST_STEP)[1]))
    # The first round fills the disk's cache.
    medians = {k: round(statistics.median(v[1:]), 3) for k, v in found.items()}
    for name, seconds in medians.items():
        spread = f"{min(found[name][1:]):.3f}..{max(found[name][1:]):.3f}"
        print(f"{name:12} {seconds:8.3f} s ({spread})", file=sys.stderr)
    print(json.dumps({"benchmark": "startup", "rounds": args.rounds, **medians}))


if __name__ == "__main__":
    main()
