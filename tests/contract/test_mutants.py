# SPDX-License-Identifier: Apache-2.0
"""The list of mutants fits the code, and CONTRIBUTING.md shows it.

Whether their tests see them takes minutes: `make mutants`.
"""

import ast
import functools
import re
from pathlib import Path

import pytest
from mutant_list import MUTANTS
from mutants import table

ROOT = Path(__file__).parents[2]
each = pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: m.claim)


@functools.cache
def functions(path):
    return {
        node.name
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef)
    }


@each
def test_the_text_to_change_is_there_once(mutant):
    text = (ROOT / mutant.file).read_text()
    assert text.count(mutant.old) == 1
    assert mutant.old != mutant.new
    # Killed by its test, not by Python's parser.
    ast.parse(text.replace(mutant.old, mutant.new))


@each
def test_its_test_is_there(mutant):
    file, name = re.fullmatch(r"(.+?)::(\w+)(?:\[.+\])?", mutant.test).groups()
    assert name in functions(ROOT / file)


def test_there_are_forty_of_different_claims():
    assert len(MUTANTS) >= 40
    assert len({mutant.claim for mutant in MUTANTS}) == len(MUTANTS)


def test_contributing_has_the_table():
    text = (ROOT / "CONTRIBUTING.md").read_text()
    shown = text.partition("<!-- mutants -->")[2].partition("<!-- /mutants -->")[0]
    assert shown.strip() == table()
