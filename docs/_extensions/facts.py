# SPDX-License-Identifier: Apache-2.0
"""Facts of methods and families that are written for the site alone."""

from __future__ import annotations

import tomllib
from pathlib import Path

from sphinx.errors import ExtensionError

from cl_keras.methods import METHODS


def _read(name: str) -> dict[str, dict[str, str]]:
    return tomllib.loads(Path(__file__).with_name(name).read_text("utf-8"))


#: Title and text of each family.
FAMILIES = _read("families.toml")
#: Family, equation and symbols of each method.
FACTS = _read("methods.toml")
if different := METHODS.keys() ^ FACTS.keys():
    raise ExtensionError(f"methods.toml and METHODS differ in {sorted(different)}.")
