# SPDX-License-Identifier: Apache-2.0
"""Runs the search in a process of its own, which a crash or a large memory ends."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SEARCH = Path(__file__).with_name("search.py")
TESTS = SEARCH.parents[1]


@pytest.mark.slow
def test_no_change_of_a_file_and_no_text_has_another_outcome(tmp_path, long):
    env = os.environ | {"FUZZ_FOLDER": str(tmp_path / "search")}
    env |= {"FUZZ_EXAMPLES": "4000" if long else "24", "PYTHONPATH": str(TESTS)}
    env.pop("CL_KERAS_DATA", None)
    # All of them, whatever the marks that this process was asked for.
    command = [sys.executable, "-m", "pytest", "-v", "-m", "", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*command, "-p", "no:warnings", str(SEARCH)],
        capture_output=True,
        text=True,
        env=env,
    )
    last = tmp_path / "search" / "last"
    print(done.stdout.splitlines()[-1])
    assert done.returncode == 0, (
        f"{done.stdout[-6000:]}{done.stderr[-2000:]}\nRead last: {last.read_text()}"
    )
