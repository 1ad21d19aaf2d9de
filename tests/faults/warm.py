# SPDX-License-Identifier: Apache-2.0
"""A process that has imported everything, and forks one for each command.

    python tests/faults/warm.py

Reads a JSON object a line. `{"code": ..., "argv": [...], "log": FILE}` forks a process
that runs this code with standard output and error in the file, and answers with its
number; `{"wait": NUMBER, "seconds": S}` answers with its exit status, negative for a
signal, or null if it did not end by then. Imports take seconds; all else is done in
the child, a process of its own.

With `"root": FOLDER` the child counts its changes to the disk below this folder, and
writes their number to `"count"` at its end; with `"die": N` it is killed at the Nth of
them: before it, or, where N is odd and a file is opened to be written anew, with the
file empty. With `"plain": true` root has the rights of a user, with `"clock": SECONDS`
the time of day is so much later, or earlier.
"""

import ctypes
import importlib
import json
import os
import signal
import struct
import sys
import time
import traceback
from pathlib import Path

# The same kernels for all processes, and no threads, which a fork would lose.
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"
os.environ["OPENBLAS_NUM_THREADS"] = "1"
os.environ.setdefault("MPLBACKEND", "Agg")

IMPORTED = (
    *("cl_keras.cli", "cl_keras.runs", "cl_keras.export", "cl_keras.zoo"),
    *("apache_beam", "matplotlib.pyplot", "pooch", "pyarrow.parquet"),
    *("requests", "scipy.sparse", "sklearn.linear_model"),
)
CHANGES = {"os.rename", "os.remove", "os.rmdir", "os.mkdir", "shutil.copyfile"}


def watch(root, die, count):
    """Counts changes to the disk below a folder; the last one kills."""

    def hook(event, arguments):
        is_write = event == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR)
        if not (is_write or event in CHANGES):
            return
        path = arguments[0]
        path = "" if isinstance(path, int) else os.fsdecode(path)
        if event in ("os.remove", "os.rmdir") and arguments[-1] >= 0:
            path = os.path.join(os.readlink(f"/proc/self/fd/{arguments[-1]}"), path)
        if not path.startswith(root):
            return
        count[0] += 1
        if count[0] == die:
            if is_write and arguments[2] & os.O_TRUNC and die % 2:
                Path(path).write_bytes(b"")
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


def give_up_rights():
    """Makes root a user whom permissions bind: no capability is left."""
    header, none = struct.pack("Ii", 0x20080522, 0), bytes(24)
    if ctypes.CDLL(None, use_errno=True).capset(header, none):
        raise OSError(ctypes.get_errno(), "capset")


def child(order):
    log = os.open(order["log"], os.O_CREAT | os.O_WRONLY | os.O_TRUNC)
    for descriptor in (1, 2):
        os.dup2(log, descriptor)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.environ.update(order.get("env", {}))
    os.chdir(order.get("cwd", "/"))
    sys.argv = ["cl-keras", *order.get("argv", ())]
    if order.get("plain"):
        give_up_rights()
    if "clock" in order:
        now = time.time
        time.time = lambda: now() + order["clock"]
    count, status = [0], 0
    if "root" in order:
        watch(order["root"], order.get("die"), count)
    try:
        exec(order["code"], {"__name__": "__main__"})
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else int(bool(ended.code))
    except BaseException:
        traceback.print_exc()
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    if "count" in order:
        Path(order["count"]).write_text(str(count[0]))
    os._exit(status)


def exit_status(pid, seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.005)
    return None


def main():
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for name in IMPORTED:
        importlib.import_module(name)
    threads = [path.read_text() for path in Path("/proc/self/task").glob("*/comm")]
    others = [name for name in threads if name != "jemalloc_bg_thd\n"]  # Knows forks.
    assert len(others) == 1, f"A fork would lose these: {others}"
    print(json.dumps({"ready": os.getpid()}), file=out, flush=True)
    for line in sys.stdin:
        order = json.loads(line)
        if "wait" in order:
            answer = {"status": exit_status(order["wait"], order["seconds"])}
        else:
            pid = os.fork()
            if pid == 0:
                out.close()
                child(order)
            os.setpgid(pid, pid)  # Here: whoever is answered may kill the group.
            answer = {"pid": pid}
        print(json.dumps(answer), file=out, flush=True)


main()
