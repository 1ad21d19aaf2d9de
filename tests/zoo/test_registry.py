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


def test_a_listing_is_a_list_that_shows_as_a_table(registry, change_row):
    scores = json.loads((registry / "rows" / f"{NAME}.json").read_text())["scores"]
    scores["knn_accuracy"]["value"] = 0.912
    change_row(data="folder:<mine>", scores=scores)
    names = zoo.list("*tiny*", registry=registry)
    assert names == [NAME] and isinstance(names, list)
    assert json.dumps(names) == f'["{NAME}"]' and [*names, "x"] == [NAME, "x"]
    header, line = repr(names).splitlines()
    assert header.split() == [
        *("name", "inputs", "features", "parameters", "data", "kNN")
    ]
    assert line.split()[:3] == [NAME, "image", "5"] and line.endswith("91.2 %")
    assert header.index("data") == line.index("folder:<mine>")
    page = names._repr_html_()
    assert page.startswith("<table>") and page.count("<tr>") == 2
    assert f"<td>{NAME}</td>" in page and "<td>folder:&lt;mine&gt;</td>" in page
    # A row that is not valid stops nothing, and no list is no table.
    (registry / "rows" / f"{NAME}.json").write_text("{}")
    assert NAME in repr(zoo.list("*tiny*", registry=registry))
    assert repr(zoo.list("no_such*")) == "[]"


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
