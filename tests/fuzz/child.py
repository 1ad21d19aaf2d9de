# SPDX-License-Identifier: Apache-2.0
"""Runs kinds one after the other in this process, and says which is the current one.

`python -m fuzz.child FOLDER`, names of kinds a line on standard input: a JSON object a
line on standard output, before each kind and after it.
"""

import json
import os
import re
import resource
import shutil
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

from fuzz.kind import CLEAR, Kind

# Beyond what the process has when it begins; largest images take 0.8 GB.
MORE_MEMORY = 3 * 2**30
_STARTS = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "pty.spawn")
_CONNECTS = ("socket.connect", "socket.getaddrinfo", "urllib.Request")
_WRITES = ("os.mkdir", "os.rename", "os.link", "os.symlink", "os.truncate", "os.chmod")


class Watch:
    """Notes what a process does outside of the folders that it may write to."""

    def __init__(self, allowed: list[Path]) -> None:
        self.allowed = [os.path.realpath(path) for path in allowed]
        self.seen: list[str] = []
        sys.addaudithook(self.hook)

    def hook(self, event: str, args: tuple) -> None:
        if event in _STARTS or event in _CONNECTS:
            self.seen.append(f"{event} {args[:2]!r:.200}")
        elif event == "open" and isinstance(args[2], int):
            if (
                args[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
                and args[0] != "/dev/null"
            ):
                self.written(args[0])
        elif event in _WRITES:
            # The second path of a move is the one that is made.
            self.written(args[1] if event in _WRITES[1:4] else args[0])

    def written(self, path: object) -> None:
        if isinstance(path, str | bytes):
            real = os.path.realpath(os.fsdecode(path))
            if not any(real == x or real.startswith(x + os.sep) for x in self.allowed):
                self.seen.append(f"wrote {real}")


def outcome(kind: Kind, place: Path, watch: Watch) -> dict[str, object]:
    """What comes of a kind."""
    kind.make(place)
    named = str(place) if kind.names == "." else kind.names
    named = (named,) if isinstance(named, str) else named
    peak(True)
    watch.seen.clear()
    before, start = peak(), time.process_time()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            said, clear = kind.read(place), True
        except BaseException as error:
            clear = isinstance(error, CLEAR) and any(
                x.lower() in str(error).lower() for x in named
            )
            said = f"{type(error).__name__}: {error}"
    for text in dict.fromkeys(
        str(x.message) for x in caught if x.category is UserWarning
    ):
        said += f"; says: {text}"
    for path, short in ((place, "."), (place.parents[1], "FOLDER")):
        said = said.replace(str(path), short)
    return {
        "said": " ".join(said.split()),
        "clear": clear,
        "seconds": time.process_time() - start,
        "megabytes": (peak() - before) // 2**20,
        "did": list(watch.seen),
    }


def peak(reset: bool = False) -> int:
    """Most memory that was in use since it was last reset, in bytes."""
    if reset:
        Path("/proc/self/clear_refs").write_text("5")
    status = Path("/proc/self/status").read_text()
    return 1024 * int(re.search(r"VmHWM:\s+(\d+)", status)[1])


def tree(folder: Path) -> Iterator[str]:
    """All that lies outside of the folders of the kinds."""
    for path in folder.rglob("*"):
        if (
            path.relative_to(folder).parts[0] != "kinds"
            and "autograph" not in path.name
        ):
            yield str(path.relative_to(folder))


def main() -> None:
    folder = Path(sys.argv[1])
    out = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # Whatever prints: it is not what the other process reads.
    from cl_keras import gnn
    from fuzz.kinds import KINDS

    gnn.load()
    place = folder / "kinds"
    watch = Watch([place, folder / "tmp"])
    size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + MORE_MEMORY,) * 2)
    known = set(tree(folder))
    for number, name in enumerate(sys.stdin.read().splitlines()):
        print(json.dumps({"kind": name}), file=out)
        own = place / f"{os.getpid():08}-{number:04}"
        own.mkdir(parents=True)
        os.chdir(own)
        found = outcome(KINDS[name], own, watch)
        os.chdir(folder)
        if new := sorted(set(tree(folder)) - known):
            found["did"] += [f"left {path}" for path in new]
            known |= set(new)
        shutil.rmtree(own, ignore_errors=True)
        print(json.dumps({"kind": name, **found}), file=out)


if __name__ == "__main__":
    main()
