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

    def wait(self, pid):
        return self.ask(wait=pid)["status"]

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
class Killed:
    """A command that is killed, and given again until it ends; then once more.

    Half of the kills come at a moment of its uninterrupted time, the others at one of
    its changes to the disk.

    Args:
        command: Code and arguments, as of `Warm.start`.
        root: Folder whose changes count.
        fresh: Puts everything back to the beginning.
        after: Checks what a kill has left.
        whole: Checks what there is when the command has ended.
    """

    warm: Warm
    command: tuple
    root: Path
    fresh: Callable[[], None]
    whole: Callable[[], None]
    after: Callable[[], None] = lambda: None

    def run(self, tally, kills):
        draw = draws(tally.hits)
        self.fresh()
        seconds, changes = self.warm.count(*self.command, root=self.root)
        tally.holds(self.whole)
        while tally.times < kills and len(tally.losses) < 3:
            self.fresh()
            while self._killed(draw, seconds, changes):
                tally.times += 1
                tally.holds(self.after)
                if tally.times == kills:
                    ended_with = self.warm.run(*self.command)
                    tally.holds(ended, *ended_with)
                    break
            tally.holds(ended, *self._last)
            tally.holds(self.whole)
        assert tally.times == kills or tally.losses

    def _killed(self, draw, seconds, changes):
        """Runs the command; says whether it was killed before its end."""
        if draw.random() < 0.5:
            die = draw.randrange(1, changes + 1)
            pid = self.warm.start(*self.command, root=str(self.root), die=die)
        else:
            pid = self.warm.start(*self.command)
            time.sleep(draw.uniform(0, seconds))
            os.killpg(pid, signal.SIGKILL)
        status = self.warm.wait(pid)
        # Of a kill nothing is left to be said.
        self._last = (max(status, 0), self.warm.said())
        return status == -signal.SIGKILL
