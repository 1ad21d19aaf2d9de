# SPDX-License-Identifier: Apache-2.0
"""What two workers send each other in a step, beside `many_devices.py`'s arithmetic.

    python benchmarks/worker_traffic.py

Two processes on this machine train SimCLR with the compact ResNet; what passes the
loopback device meanwhile is theirs, so nothing else should use it.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path

import harness
import many_devices

OPTIONS = {"width": 32, "batch": 256, "steps": 20, "hosts": "", "task": -1}
_EMBEDDING, _WARMUP = 128, 3


def passed() -> int:
    """Bytes that the loopback device has sent so far."""
    (line,) = (
        line
        for line in Path("/proc/net/dev").read_text().splitlines()
        if line.strip().startswith("lo:")
    )
    return int(line.split(":")[1].split()[8])


def worker(args: harness.Args) -> None:
    """Trains; the first worker prints the bytes of a step and what the model holds."""
    harness.tensorflow(1)
    import numpy as np

    from cl_keras import augment, data, encoders, methods, workers

    cluster = workers.Cluster(tuple(args.hosts.split(",")), task=args.task)
    team = workers.start(cluster)
    with team.scope():
        model = methods.SimCLR(encoders.compact_resnet(width=args.width))
        model.compile("adam")
    images = np.zeros((4 * args.batch, 32, 32, 3), np.uint8)
    batches = data.two_views(
        images,
        augment.SimCLRImages(size=32),
        args.batch,
        repeat=True,
        worker=workers.own_share(),
    )
    seen = []
    for steps in (_WARMUP, args.steps):
        model.fit(team.batches(batches), steps_per_epoch=steps, epochs=1, verbose=0)
        seen.append(passed())
    if args.task == 0:
        size = many_devices.size_of(model)
        print(json.dumps({"bytes": (seen[1] - seen[0]) / args.steps, **size}))


def free_hosts() -> str:
    """Two ports of this machine that nobody listens on."""
    with socket.socket() as one, socket.socket() as other:
        for taken in (one, other):
            taken.bind(("localhost", 0))
        return ",".join(f"localhost:{x.getsockname()[1]}" for x in (one, other))


def main() -> None:
    args = harness.parse(__doc__, OPTIONS)
    if args.task >= 0:
        return worker(args)
    command = [sys.executable, __file__, "--hosts", free_hosts()]
    for name in ("width", "batch", "steps"):
        command += [f"--{name}", str(getattr(args, name))]
    first, second = (
        subprocess.Popen([*command, "--task", str(task)], stdout=subprocess.PIPE)
        for task in range(2)
    )
    found = json.loads(first.communicate()[0].splitlines()[-1])
    second.communicate()
    measured = found.pop("bytes")
    parts = many_devices.exchanged(2, found, 2 * args.batch, _EMBEDDING)
    expected = {name: 2 * sent for name, (sent, _) in parts.items()}
    whole = sum(expected.values())
    harness.table({"bytes of a step": {**expected, "all": whole, "measured": measured}})
    result = {"expected": expected, "measured": measured, "share": measured / whole}
    harness.emit(args, result, without=("hosts", "task"))


if __name__ == "__main__":
    main()
