# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import dataclasses
import json
import subprocess
import sys

import pytest

from cl_keras import zoo

NAME = "simclr_tiny_digits"


def test_names_cannot_leave_the_folder(registry, change_row):
    row = json.loads((registry / "rows" / f"{NAME}.json").read_text())
    row["files"][0]["path"] = "../../secret"
    with pytest.raises(ValueError, match="`files`.*secret"):
        change_row(files=row["files"])
    with pytest.raises(ValueError, match="Unknown zoo entry"):
        zoo.info(f"../rows/{NAME}", registry=registry)


def test_list_patterns_modalities_and_places(registry, monkeypatch, tmp_path):
    assert NAME not in zoo.list()
    assert zoo.list("simclr*", registry=registry) == zoo.list(
        registry=registry, modality="image", pattern="simclr*"
    )
    assert NAME in zoo.list("simclr*", registry=registry)
    assert NAME not in zoo.list("cpc*", registry=registry)
    assert NAME not in zoo.list(modality="audio", registry=registry)
    monkeypatch.setenv("CL_KERAS_ZOO", str(registry))
    assert NAME in zoo.list()
    monkeypatch.setenv("CL_KERAS_ZOO", str(tmp_path / "absent"))
    with pytest.raises(ValueError, match=r"CL_KERAS_ZOO=.*absent"):
        zoo.list()
    with pytest.raises(ValueError, match="Did you mean 'image'"):
        zoo.list(modality="imag", registry=registry)


def test_unknown_names_suggest_near_ones(registry):
    with pytest.raises(ValueError, match=f"Did you mean '{NAME}'"):
        zoo.load("simclr_tiny_digit", registry=registry)
    row = zoo.info(NAME, registry=registry)
    with pytest.raises(ValueError, match=r"Did you mean 'encoder\.json'"):
        zoo.fetch(row, "encoder.kers")
    with pytest.raises(ValueError, match="without `root`"):
        zoo.fetch(dataclasses.replace(row, root=None), "encoder.json")


def test_listing_imports_neither_keras_nor_tensorflow(registry):
    code = f"""
import sys
from cl_keras import zoo
assert zoo.list(registry={str(registry)!r})
assert zoo.info("{NAME}", registry={str(registry)!r}).features == 5
loaded = {{"tensorflow", "keras", "numpy", "cl_keras.encoders", "cl_keras.export"}}
assert not loaded & sys.modules.keys(), loaded & sys.modules.keys()
"""
    subprocess.run([sys.executable, "-c", code], check=True)
