# SPDX-License-Identifier: Apache-2.0
"""What is written for the site alone covers what the code has."""

import tomllib
from pathlib import Path

from cl_keras.methods import METHODS

FOLDER = Path(__file__).parents[2] / "docs" / "_extensions"


def test_every_method_has_a_family_and_an_equation():
    facts = tomllib.loads((FOLDER / "methods.toml").read_text())
    families = tomllib.loads((FOLDER / "families.toml").read_text())
    assert facts.keys() == METHODS.keys()
    assert {fact["family"] for fact in facts.values()} == families.keys()
    assert all(fact["equation"] and fact["where"] for fact in facts.values())
