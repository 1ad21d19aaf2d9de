# SPDX-License-Identifier: Apache-2.0
"""Benchmarks start, compare real processes, and the guard sees a loss."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "benchmarks"


def run(script, *arguments, code=0):
    done = subprocess.run(
        [sys.executable, str(FOLDER / f"{script}.py"), *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stderr
    return done


@pytest.mark.slow
def test_a_comparison_asks_its_sides_by_turns():
    arguments = ("--batch", "64", "--width", "8", "--rounds", "3", "--threads", "1")
    result = json.loads(run("nt_xent", *arguments).stdout)
    sides = result["sides"]
    assert set(sides) == {"cl_keras", "product", "plain"}
    assert all(len(side["all_seconds"]) == 3 for side in sides.values())
    # The same loss by another formula.
    assert sides["cl_keras"]["value"] == pytest.approx(sides["plain"]["value"], 1e-4)


@pytest.mark.slow
def test_a_side_that_stops_ends_the_comparison():
    done = run("nt_xent", "--batch", "64", "--peer", sys.executable, code=1)
    assert "The side 'lightly' stopped" in done.stderr
    assert "pip install -r" in done.stderr


def test_the_guard_knows_worse_from_better(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    import guard

    assert guard.loss(1.3, 1.0, 1) == pytest.approx(0.3)
    assert guard.loss(0.8, 1.0, -1) == pytest.approx(0.25)
    assert guard.loss(0.8, 1.0, 1) < 0
    known = json.loads(guard.BASELINE.read_text())
    assert {s: set(r) for s, r in known.items()} == {
        script: set(ratios) for script, (_, ratios) in guard.CHECKS.items()
    }


PAGES = [ROOT / "README.md", ROOT / "Makefile", *ROOT.glob("docs/*.md")]
PAGES += [
    *ROOT.glob("docs/guides/*.md"),
    *ROOT.glob("zoo/cards/*.md"),
    *FOLDER.glob("*.py"),
]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_commands_that_pages_give_can_be_run(page):
    text = page.read_text().replace("\\\n", " ")
    for script, options in re.findall(r"benchmarks/(\w+)\.py([^`\n]*)", text):
        source = (FOLDER / f"{script}.py").read_text()
        source += (FOLDER / "harness.py").read_text()
        for option in re.findall(r"--([\w-]+)", options):
            assert f'"{option.replace("-", "_")}"' in source, (script, option)
