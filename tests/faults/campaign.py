# SPDX-License-Identifier: Apache-2.0
"""Processes that are killed at drawn moments, and what counts as a loss."""

import dataclasses
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

SEED = 26
COMMAND = "from cl_keras.cli import main; main()"


class Warm:
    """The process of `warm.py`, from which all others are forked."""

    def __init__(self, folder):
        self.log = folder / "warm.log"
        with self.log.open("w") as errors:
            self._process = subprocess.Popen(
                [sys.executable, Path(__file__).with_name("warm.py")],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
            )
        assert self._process.stdout.readline(), self.log.read_text()
        self._count = folder / "count"
        self._logs = folder

    def ask(self, **order):
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def start(self, code=COMMAND, *argv, name="child", **order):
        """Forks a process that runs the code, or the command line; gives its number."""
        log = str(self._logs / f"{name}.log")
        return self.ask(code=code, argv=list(map(str, argv)), log=log, **order)["pid"]

    def wait(self, pid, seconds=600):
        """The exit status, negative for a signal; None if it takes too long."""
        return self.ask(wait=pid, seconds=seconds)["status"]

    def run(self, code=COMMAND, *argv, name="child", **order):
        """Runs to the end; gives the exit status and what was printed."""
        status = self.wait(self.start(code, *argv, name=name, **order))
        return status, self.said(name)

    def said(self, name="child"):
        text = (self._logs / f"{name}.log").read_text(errors="replace")
        # TensorFlow looks for a GPU first, in every process.
        return "".join(
            x for x in text.splitlines(True) if "failed call to cuIni" not in x
        )

    def count(self, code, *argv, root):
        """How many seconds a command takes, and how often it changes the disk."""
        start = time.monotonic()
        status, said = self.run(
            code, *argv, root=str(root), count=str(self._count), name="whole"
        )
        assert status == 0, said
        return time.monotonic() - start, int(self._count.read_text())

    def close(self):
        self._process.stdin.close()
        assert self._process.wait(60) == 0
        self._process.stdout.close()


def draws(name):
    """The random numbers of one row of the table."""
    return random.Random(f"{SEED} {name}")


@dataclasses.dataclass
class Tally:
    """What happened: one row of the table.

    A loss is a result that was there before and is gone, a folder that no command can
    go on from, weights or results that differ from the uninterrupted run's, or a
    half-written file that is taken for a whole one.
    """

    fault: str
    hits: str
    times: int = 0
    losses: list[str] = dataclasses.field(default_factory=list)
    start: float = dataclasses.field(default_factory=time.monotonic)

    def holds(self, check, *arguments):
        """Counts a loss if a check fails."""
        try:
            check(*arguments)
        except Exception as error:
            self.losses.append(f"{type(error).__name__}: {error}"[:2000])

    def cells(self):
        seconds = round(time.monotonic() - self.start)
        return self.fault, self.hits, self.times, len(self.losses), seconds


def ended(status, said):
    assert status == 0, f"the same command again ends with {status}:\n{said[-3000:]}"


@dataclasses.dataclass
class Scenario:
    """A command, and what must hold of what it writes.

    Args:
        title: As in the table.
        command: Code and arguments, as of `Warm.start`.
        root: Folder whose changes count.
        fresh: Puts everything back to the beginning.
        whole: Checks what there is when the command has ended.
        after: Checks what there is when it was broken off.
    """

    title: str
    command: tuple
    root: Path
    fresh: Callable[[], None]
    whole: Callable[[], None]
    after: Callable[[], None] = lambda: None


def kill(warm, scenario, row, kills):
    """Kills a command, and gives it again, until it ends; then once more.

    Half of the kills come at a moment of its uninterrupted time, the others at one of
    its changes to the disk.
    """
    draw = draws(row.hits)
    scenario.fresh()
    seconds, changes = warm.count(*scenario.command, root=scenario.root)
    row.holds(scenario.whole)
    while row.times < kills and len(row.losses) < 3:
        scenario.fresh()
        status = -signal.SIGKILL
        while status == -signal.SIGKILL:
            die, moment = draw.randrange(1, changes + 1), draw.uniform(0, seconds)
            if row.times == kills:
                pid = warm.start(*scenario.command)
            elif draw.random() < 0.5:
                root = str(scenario.root)
                pid = warm.start(*scenario.command, root=root, die=die)
            else:
                pid = warm.start(*scenario.command)
                time.sleep(moment)
                os.killpg(pid, signal.SIGKILL)
            status = warm.wait(pid)
            if status == -signal.SIGKILL:
                row.times += 1
                row.holds(scenario.after)
        row.holds(ended, status, warm.said())
        row.holds(scenario.whole)


def fill(warm, scenario, row, disk, times):
    """Gives a command too little room, then enough."""
    draw = draws(row.hits)
    scenario.fresh()
    before = disk.free()
    warm.count(*scenario.command, root=scenario.root)
    row.holds(scenario.whole)
    needed = before - disk.free()
    for row.times in range(1, times + 1):
        scenario.fresh()
        with disk.only(draw.randrange(needed)):
            status, said = warm.run(*scenario.command)
            row.holds(named, status, said, disk.folder, scenario.command[0])
            row.holds(scenario.after)
        row.holds(ended, *warm.run(*scenario.command))
        row.holds(scenario.whole)


def named(status, said, folder, code):
    """An error of a full disk names a file on it, in a line of its own."""
    assert status, f"there was enough room:\n{said[-2000:]}"
    lines = said.strip().splitlines()
    assert str(folder) in "".join(lines[-3:]), f"no file is named:\n{said[-2000:]}"
    assert COMMAND not in code or "Traceback" not in said, said[-3000:]
