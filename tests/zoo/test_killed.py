# SPDX-License-Identifier: Apache-2.0
"""Publications and downloads that are killed leave an entry that works."""

from __future__ import annotations

import http.server
import json
import os
import signal
import subprocess
import sys
import threading
import time
from functools import partial

import pytest

from cl_keras import zoo

NAME = "simclr_tiny_digits"

# Publishes the same entry with other content again and again, each time killed before
# one more of its changes to the disk. Processes that know no TensorFlow start quickly.
KILLS = """
import dataclasses, json, os, signal, sys
from pathlib import Path
from cl_keras.file_record import FileRecord
from cl_keras.zoo import entry_files, registry, store
from cl_keras.zoo.row import Row

root, name, first = Path(sys.argv[1]), sys.argv[2], sys.argv[3] == "first"
CHANGES = {"os.rename", "os.remove", "os.rmdir", "os.mkdir", "shutil.copyfile"}
old = registry.info(name, registry=root)
text = (root / "rows" / f"{name}.json").read_text()

def publish(number):
    source = root.parent / "source" / f"{number}.keras"
    source.parent.mkdir(exist_ok=True)
    source.write_text(f"content {number}")
    size, digest = source.stat().st_size, store.artifact.sha256(source)
    record = FileRecord("encoder.keras", size, digest)
    row = dataclasses.replace(old, files=(record,), epochs=number)
    with entry_files.changing(root):
        entry_files.put(root, row, {record: source})

def killed(number):
    child = os.fork()
    if child == 0:
        left = [number]
        def hook(event, arguments):
            writes = event == "open" and arguments[1] in ("w", "wb", "x")
            if event in CHANGES or writes:
                left[0] -= 1
                if left[0] == 0:
                    os.kill(os.getpid(), signal.SIGKILL)
        sys.addaudithook(hook)
        publish(number)
        os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])

number, states = 0, []
while True:
    number += 1
    if first:  # As if the entry had never been there.
        entry_files.shutil.rmtree(root / "files")
        for file in [*root.glob("rows/*"), *root.glob("cards/*")]:
            file.unlink()
    dead = killed(number)
    there = (root / "rows" / f"{name}.json").exists()
    row = registry.info(name, registry=root) if there else None
    states.append(row and row.epochs)
    if row:
        assert all(check.ok for check in store.verify(name, registry=root)), number
    if not dead:
        break
    publish(1000 + number)  # A retry is not refused, and leaves only the entry.
    assert [p.name for p in (root / "files").iterdir()] == [name], number
    assert sorted(p.name for p in (root / "rows").iterdir()) == [f"{name}.json"]
    assert all(check.ok for check in store.verify(name, registry=root)), number
print(json.dumps(states))
"""


def python(code, *arguments, **options):
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


@pytest.mark.parametrize("start", ["first", "overwrite"])
def test_a_publication_killed_anywhere_leaves_the_old_entry_or_the_new(registry, start):
    out, errors = python(KILLS, registry, NAME, start).communicate()
    assert errors == ""
    states = json.loads(out)
    assert len(states) > 10
    # One of the steps changes the entry, and none takes it away.
    new = [state == number for number, state in enumerate(states, 1)]
    assert new == sorted(new) and new[-1]
    before = [state for state, is_new in zip(states, new, strict=True) if not is_new]
    if start == "first":
        assert set(before) == {None}
    else:
        assert None not in before


class Slow(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        self.server.asked.append(self.path)

    def copyfile(self, source, outputfile):
        while part := source.read(2_000):
            outputfile.write(part)
            time.sleep(0.005)


@pytest.fixture
def slow(registry, change_row):
    handler = partial(Slow, directory=registry / "files" / NAME)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.asked = []
        threading.Thread(target=server.serve_forever, daemon=True).start()
        change_row(source=f"http://127.0.0.1:{server.server_port}/")
        yield server
        server.shutdown()


GET = """
import sys
from cl_keras import zoo
print(zoo.saved_model(sys.argv[1], registry=sys.argv[2]))
"""


@pytest.mark.slow
def test_downloads_of_several_processes_and_after_a_kill(slow, registry, tmp_path):
    get = partial(python, GET, NAME, registry)
    first = get()
    # In the version folder; `walk` passes over what is renamed meanwhile.
    while not any(".data" in str(files) for *_, files in os.walk(tmp_path / "cache")):
        time.sleep(0.005)
        assert first.poll() is None
    first.send_signal(signal.SIGKILL)
    first.wait()
    together = [get() for _ in range(4)]
    for process in together:
        out, errors = process.communicate()
        assert (process.returncode, errors) == (0, ""), errors
        assert out.strip().endswith("saved_model/1")
    # All are from one download of each file; what the killed one left is gone.
    assert len(slow.asked) <= len(set(slow.asked)) + 1
    assert not list((tmp_path / "cache").rglob(".part"))
    assert all(check.ok for check in zoo.verify(NAME, registry=registry))


def test_two_publications_at_once(registry, tmp_path):
    code = KILLS.partition("def killed")[0] + (
        "for n in range(20): publish(100 * int(sys.argv[4]) + n)"
    )
    both = [python(code, registry, NAME, "overwrite", n) for n in (1, 2)]
    assert [process.communicate()[1] for process in both] == ["", ""]
    assert all(check.ok for check in zoo.verify(NAME, registry=registry))
    assert [p.name for p in (registry / "files").iterdir()] == [NAME]
    assert os.listdir(registry / "rows") == [f"{NAME}.json"]
