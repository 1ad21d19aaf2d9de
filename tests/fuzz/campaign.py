# SPDX-License-Identifier: Apache-2.0
"""Runs kinds in a process of their own: a crash or a hang is that of its kind."""

import json
import os
import queue
import re
import subprocess
import sys
import threading
from collections.abc import Iterable
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
TABLE = Path(__file__).with_name("outcomes.tsv")
#: Until the next line of the process: a start of TensorFlow, or one kind.
SECONDS = 120
# Of a text in the table: the library cuts texts off, and folders in them vary.
LONGEST = 130
ENDED = {"said": "the process ended, or hung", "clear": False, "did": []}


def run(names: Iterable[str], folder: Path) -> dict[str, dict]:
    """What comes of kinds, by their names."""
    left = list(names)
    found: dict[str, dict] = {}
    for name in ("home", "tmp", "kinds"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    while left:
        before = len(found)
        last = _part(left, folder, found)
        if last is not None:
            found[last] = ENDED
        if len(found) == before:
            raise RuntimeError((folder / "errors").read_text()[-2000:])
        left = [name for name in left if name not in found]
    return found


def _part(names: list[str], folder: Path, found: dict[str, dict]) -> str | None:
    """Runs kinds until one ends the process; says which."""
    child = _start(folder)
    child.stdin.write("\n".join(names))
    child.stdin.close()
    lines: queue.Queue[str | None] = queue.Queue()

    def read() -> None:
        for line in child.stdout:
            lines.put(line)
        lines.put(None)

    threading.Thread(target=read, daemon=True).start()
    current = None
    try:
        while (line := lines.get(timeout=SECONDS)) is not None:
            event = json.loads(line)
            current = event.pop("kind")
            if event:
                found[current], current = event, None
    except queue.Empty:
        pass
    child.kill()
    child.wait()
    return current


def _start(folder: Path) -> subprocess.Popen:
    paths = {"HOME": "home", "TMPDIR": "tmp", "CL_KERAS_CACHE": "home/cache"}
    env = os.environ | {key: str(folder / name) for key, name in paths.items()}
    env |= {"PYTHONPATH": str(TESTS), "PYTHONDONTWRITEBYTECODE": "1"}
    env |= {"TF_CPP_MIN_LOG_LEVEL": "3", "COLUMNS": "300", "NO_COLOR": "1"}
    env |= {"PYTHONFAULTHANDLER": "1", "MPLBACKEND": "Agg", "KERAS_HOME": env["HOME"]}
    for name in ("CL_KERAS_DATA", "CL_KERAS_ZOO", "CL_KERAS_OFFLINE"):
        env.pop(name, None)
    with (folder / "errors").open("a") as errors:
        return subprocess.Popen(
            [sys.executable, "-m", "fuzz.child", str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env=env,
        )


def read_table() -> dict[str, str]:
    """The outcome of each kind, as it is kept."""
    rows = (line.split("\t") for line in TABLE.read_text("utf-8").splitlines())
    return {f"{form}: {damage}": said for form, damage, said in rows}


def write_table(found: dict[str, dict]) -> None:
    """Keeps the outcomes that were found."""
    rows = [(*name.split(": ", 1), cell(event)) for name, event in found.items()]
    TABLE.write_text("".join("\t".join(row) + "\n" for row in rows), "utf-8")


def cell(event: dict) -> str:
    """An outcome as it stands in the table."""
    # Checksums are of files that have the time in them.
    said = re.sub(r"(stored|restored bytes) \d+", r"\1 N", event["said"])
    return ascii(said)[1:-1][:LONGEST].rstrip()
