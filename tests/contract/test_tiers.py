# SPDX-License-Identifier: Apache-2.0
"""What `tests/conftest.py` promises: slow tests are left out, no other ones are."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
TESTS = Path(__file__).parents[1]
CASES = """
import pytest

def test_runs(): pass

@pytest.mark.slow
def test_slow(): pass

@pytest.mark.skip(reason="needs a GPU")
def test_allowed(): pass

@pytest.mark.parametrize("count", [1, 2])
def test_forgotten(count): pytest.importorskip("no_such_library")
"""


def run(folder, *options):
    (folder / "test_cases.py").write_text(CASES)
    (folder / "pytest.ini").write_text("[pytest]\nmarkers = slow: x\n")
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "conftest", *options],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": f"{TESTS.parent}{os.pathsep}{TESTS}"},
        capture_output=True,
        text=True,
    )


def test_what_is_skipped_without_leave_fails_the_session(tmp_path):
    done = run(tmp_path, "--complete", "-n", "1")
    assert done.returncode == 1, done.stdout
    assert done.stdout.count("SKIPPED WITHOUT LEAVE") == 2
    assert "test_forgotten[1]: could not import 'no_such_library'" in done.stdout
    assert run(tmp_path).returncode == 0
    done = run(tmp_path, "--complete", "-k", "not forgotten")
    assert done.returncode == 0, done.stdout


def test_slow_tests_are_deselected(tmp_path):
    options = ("-k", "not forgotten and not allowed")
    assert run(tmp_path, *options).stdout.splitlines()[-1].startswith("1 passed, ")
    last = run(tmp_path, *options, "--slow").stdout.splitlines()[-1]
    assert last.startswith("2 passed, ")
