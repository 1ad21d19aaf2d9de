# SPDX-License-Identifier: Apache-2.0
"""Processes of `tests/replicas.py`, each of which trains one case after another."""

import json
import os
import shlex
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import numpy as np

TESTS = Path(__file__).parent
COMMON = ("--rows=53", "--clip=0.2")


def free_addresses(count):
    """Addresses of this machine that nobody listens at, given by the system."""
    sockets = [socket.socket() for _ in range(count)]
    for free in sockets:
        free.bind(("localhost", 0))
    names = [f"localhost:{free.getsockname()[1]}" for free in sockets]
    for free in sockets:
        free.close()
    return names


class Trainer:
    """One process with so many devices, or so many workers with one device each."""

    def __init__(self, devices=1, workers=0):
        tails = [()]
        if workers:
            names = ",".join(free_addresses(workers))
            tails = [(f"--workers={names}", f"--task={t}") for t in range(workers)]
        self._folder = tempfile.TemporaryDirectory()
        self._errors = [Path(self._folder.name, f"{n}.log") for n in range(len(tails))]
        self._processes = []
        for tail, log in zip(tails, self._errors, strict=True):
            with log.open("w") as stderr:
                process = subprocess.Popen(
                    [sys.executable, TESTS / "replicas.py", str(devices), *tail],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=stderr,
                    text=True,
                    env={**os.environ, "PYTHONPATH": str(TESTS.parent)},
                )
            self._processes.append(process)

    def train(self, method, *options, seconds=1200):
        """Each process's history (`seconds` of `fit` among it) and arrays."""
        outs = [Path(self._folder.name, f"{n}.npz") for n in range(len(self._errors))]
        for process, out in zip(self._processes, outs, strict=True):
            words = [method, str(out), *COMMON, *options]
            process.stdin.write(shlex.join(words) + "\n")
            process.stdin.flush()
        # Ended processes close their output: a hang becomes an error.
        alarm = threading.Timer(seconds, self._kill)
        alarm.start()
        try:
            answers = [process.stdout.readline() for process in self._processes]
        finally:
            alarm.cancel()
        if not all(answers):
            self._kill()
            logs = "\n\n".join(log.read_text()[-3000:] for log in self._errors)
            raise RuntimeError(f"A process ended while it trained {method}:\n{logs}")
        results = []
        for answer, out in zip(answers, outs, strict=True):
            with np.load(out) as arrays:
                results.append((json.loads(answer), [arrays[k] for k in arrays.files]))
        return results

    def _kill(self):
        for process in self._processes:
            process.kill()

    def close(self):
        for process in self._processes:
            process.stdin.close()
        for process in self._processes:
            try:
                process.wait(600)
            finally:
                self._kill()
                process.stdout.close()
        self._folder.cleanup()
