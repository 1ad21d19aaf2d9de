# SPDX-License-Identifier: Apache-2.0
"""Time until something is there: import, help, a zoo encoder, a first step.

    python benchmarks/startup.py

Each is a process of its own. The interpreter's own start, measured beside it by
turns, is taken off `import`, and is in `help`, as a user sees it. `zoo_load` and
`first_step` are timed inside, after TensorFlow and Keras are imported.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

import harness

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


def run(*arguments: str) -> tuple[float, str]:
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        check=True,
    )
    return time.perf_counter() - start, done.stdout


def turn() -> dict[str, float]:
    empty, _ = run("-c", "pass")
    return {
        "import": run("-c", "import cl_keras")[0] - empty,
        "help": run("-m", "cl_keras.cli", "--help")[0],
        "zoo_load": float(run("-c", LOAD)[1]),
        "first_step": float(run("-c", FIRST_STEP)[1]),
    }


def main() -> None:
    args = harness.parse(__doc__, {"rounds": 5})
    # The first round fills the disk's cache.
    turns = [turn() for _ in range(args.rounds + 1)][1:]
    seconds = {name: [one[name] for one in turns] for name in turns[0]}
    medians = {name: round(statistics.median(x), 3) for name, x in seconds.items()}
    harness.table(
        {n: {"seconds": medians[n], "all_seconds": x} for n, x in seconds.items()}
    )
    harness.emit(args, medians)


if __name__ == "__main__":
    main()
