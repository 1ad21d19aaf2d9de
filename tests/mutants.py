# SPDX-License-Identifier: Apache-2.0
"""Breaks the library's claims, one at a time: each must fail the test named for it.

    python tests/mutants.py [--only TEXT] [--list]

The changes of `tests/mutant_list/` are made in a copy of the working tree. Ends with 0
if all are killed: their test fails, and neither passes nor cannot be run.
"""

import argparse
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from mutant_list import MUTANTS

ROOT = Path(__file__).resolve().parents[1]
SECONDS = 600  # For one test.
FAILED, PASSED = 1, 0  # Codes of pytest; it has others where nothing was tested.


def table(mutants=MUTANTS):
    """The list as Markdown."""
    rows = [f"| {m.claim} | `{m.file}` | `{m.test}` |" for m in mutants]
    return "\n".join(["| What breaks | In | Seen by |", "|---|---|---|", *rows])


def copy_tree(target):
    """Copies what git knows or would add."""
    command = ["git", "ls-files", "-z", "-co", "--exclude-standard"]
    listed = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=True
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():  # It may be deleted and not yet committed.
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)
    # Two packages lie outside of `cl_keras`: without these, Python would find those of
    # the installation, which are not changed.
    for part in ("zoo", "export"):
        (target / "cl_keras" / part).symlink_to(f"../{part}")


def environment(tree):
    """Of processes that import the copy."""
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(tree), str(tree / "tests")]),
        # A compiled file may be as old as a change of the same second.
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def check_imports(tree):
    """Raises if Python does not take all parts of the package from the copy."""
    code = "import cl_keras.export as e, cl_keras.zoo as z, cl_keras.distribute as d\n"
    code += "print(*(x.__file__ for x in (e, z, d)), sep='\\n')"
    found = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tree,
        env=environment(tree),
        capture_output=True,
        text=True,
    )
    if found.returncode:
        raise RuntimeError(f"The copy cannot be imported:\n{found.stderr[-3000:]}")
    for file in found.stdout.splitlines()[-3:]:
        if not Path(file).is_relative_to(tree):
            raise RuntimeError(f"Expected the package of {tree}. Received: {file}")


@contextlib.contextmanager
def changed(tree, mutant):
    """The copy with one change, which is undone at the end."""
    path = tree / mutant.file
    text = path.read_text(encoding="utf-8")
    if (count := text.count(mutant.old)) != 1:
        raise ValueError(
            f"Expected the text to change once in {mutant.file}. Received: {count} "
            f"times, for {mutant.claim!r}:\n{mutant.old}"
        )
    path.write_text(text.replace(mutant.old, mutant.new), encoding="utf-8")
    try:
        yield
    finally:
        path.write_text(text, encoding="utf-8")


def run_test(tree, test):
    """Pytest's exit code, or None past the time, and what it printed."""
    options = ["-q", "-x", "--slow", "-p", "no:cacheprovider", "-p", "no:xdist"]
    process = subprocess.Popen(
        [sys.executable, "-m", "pytest", *options, test],
        cwd=tree,
        env=environment(tree),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,  # Tests start processes, which end with them.
    )
    try:
        output, _ = process.communicate(timeout=SECONDS)
        return process.returncode, output
    except BaseException as error:
        os.killpg(process.pid, signal.SIGKILL)
        output, _ = process.communicate()
        if isinstance(error, subprocess.TimeoutExpired):
            return None, output
        raise


def kills(tree, mutant):
    """Makes one change, says what became of it, and whether its test failed."""
    start = time.perf_counter()
    with changed(tree, mutant):
        code, output = run_test(tree, mutant.test)
    words = {FAILED: "killed", PASSED: "SURVIVED", None: "TOO LONG"}
    seconds = time.perf_counter() - start
    print(f"{words.get(code, 'ERROR'):8} {seconds:5.0f} s  {mutant.claim}", flush=True)
    if code == PASSED:
        print(f"    {mutant.test} passes", flush=True)
    elif code != FAILED:
        print(f"    pytest ended with {code}: {output[-3000:]}", flush=True)
    return code == FAILED


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--only", default="", help="part of a claim or of a file's name"
    )
    parser.add_argument("--list", action="store_true", help="print the list and end")
    given = parser.parse_args()
    chosen = [m for m in MUTANTS if given.only in m.claim or given.only in m.file]
    if not chosen:
        parser.error(f"no claim and no file has {given.only!r}")
    if given.list:
        print(table(chosen))
        return 0
    with tempfile.TemporaryDirectory(prefix="cl-keras-mutants-") as folder:
        tree = Path(folder).resolve()
        copy_tree(tree)
        check_imports(tree)
        killed = sum(kills(tree, mutant) for mutant in chosen)
    print(f"{killed} of {len(chosen)} killed")
    return 0 if killed == len(chosen) else 1


if __name__ == "__main__":
    sys.exit(main())
