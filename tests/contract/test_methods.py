# SPDX-License-Identifier: Apache-2.0
"""What holds for every row of METHODS."""

from pathlib import Path

import keras
import pytest

from cl_keras.methods import METHODS, ContrastiveModel

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", METHODS)
def test_rows_are_complete(name):
    row = METHODS[name]
    assert issubclass(row.model, ContrastiveModel)
    assert row.modality in ("image", "audio", "sequence", "graph")
    assert "arXiv" in row.paper or "doi" in row.paper
    assert keras.saving.get_registered_name(row.model) == (
        f"cl_keras>{row.model.__name__}"
    )


@pytest.mark.parametrize("name", METHODS)
def test_a_method_writes_its_idea_and_nothing_else(name):
    own = vars(METHODS[name].model)
    assert "objective" in own and "get_config" in own
    assert not {"train_step", "test_step", "compile", "call"} & set(own)


@pytest.mark.parametrize("name", METHODS)
def test_readme_lists_the_method(name):
    row = METHODS[name]
    assert f"| `{name}` | {row.title} |" in (ROOT / "README.md").read_text()
