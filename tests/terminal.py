# SPDX-License-Identifier: Apache-2.0
"""A terminal of 80 columns: runs a command in it, and draws what stays on the screen.

python tests/terminal.py docs/demo.svg cl-keras demo --out runs/demo
"""

from __future__ import annotations

import io
import os
import pty
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.text import Text

_MOVE = re.compile(r"\x1b\[(\?25[hl]|\d*A|2K)|\r\n|\r|\n")


def run(command: Sequence[str], env: Mapping[str, str]) -> tuple[int, str]:
    """Runs a command: its exit code, and all that it sends to the terminal."""
    mine, its = pty.openpty()
    process = subprocess.Popen(
        [*map(str, command)], stdout=its, stderr=its, env={**env, "COLUMNS": "80"}
    )
    os.close(its)
    sent = b""
    while True:
        try:
            part = os.read(mine, 65536)
        except OSError:  # So Linux says that the other end is closed.
            break
        if not part:
            break
        sent += part
    os.close(mine)
    return process.wait(), sent.decode()


def screen(sent: str) -> list[str]:
    """The lines that stay, with their colours: bars come and go."""
    lines, row, last = [""], 0, 0
    for move in [*_MOVE.finditer(sent), None]:
        lines[row] += sent[last : move.start() if move else None]
        if move is None:
            break
        last, said = move.end(), move[0]
        if said.endswith("\n"):
            row += 1
            lines += [""] * (row == len(lines))
        elif said.endswith("A"):
            row -= int(said[2:-1] or 1)
        elif said == "\r" or said.endswith("K"):
            # What begins a line anew here always writes all of it.
            lines[row] = ""
    return [line.rstrip() for line in lines]


def main() -> None:
    """Draws what a command leaves on the screen."""
    path, *command = sys.argv[1:]
    scripts = os.path.dirname(sys.executable)
    places = f"{scripts}{os.pathsep}{os.environ['PATH']}"
    code, sent = run(command, {**os.environ, "PATH": places, "TERM": "xterm-256color"})
    lines = [f"$ {shlex.join(command)}", *shortened(screen(sent))]
    console = Console(record=True, width=80, file=io.StringIO())
    console.print(Text.from_ansi("\n".join(lines)))
    # Without fonts from the network: any of one width will do.
    picture = re.sub(
        r"@font-face \{.*?\}", "", console.export_svg(title=""), flags=re.S
    )
    Path(path).write_text(picture)
    sys.exit(code)


def shortened(lines: list[str], kept: int = 3) -> list[str]:
    """Leaves out the lines of epochs in the middle."""
    epochs = [place for place, line in enumerate(lines) if line.startswith("epoch ")]
    out = epochs[kept:-kept]
    return [
        "..." if out[:1] == [place] else line
        for place, line in enumerate(lines)
        if place not in out[1:]
    ]


if __name__ == "__main__":
    main()
