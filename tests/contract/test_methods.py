# SPDX-License-Identifier: Apache-2.0
"""What holds for every row of METHODS."""

from pathlib import Path

import keras
import pytest

from cl_keras.methods import METHODS, ContrastiveModel
from cl_keras.runs import TrainConfig

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", METHODS)
def test_rows_are_complete(name):
    row = METHODS[name]
    assert issubclass(row.model, ContrastiveModel)
    assert row.modalities and set(row.modalities) <= {"image", "audio", "graph", "pair"}
    assert set(row.defaults) <= set(TrainConfig.__dataclass_fields__)
    assert "arXiv" in row.paper or "doi" in row.paper
    assert keras.saving.get_registered_name(row.model) == (
        f"cl_keras>{row.model.__name__}"
    )


@pytest.mark.parametrize("name", METHODS)
def test_a_method_writes_its_idea_and_nothing_else(name):
    model = METHODS[name].model
    own = vars(model)
    # A variant, such as the denoising autoencoder, has its parent's objective.
    assert model.objective is not ContrastiveModel.objective
    assert not {"train_step", "test_step", "compile", "call", "get_config"} & set(own)


@pytest.mark.parametrize("name", METHODS)
def test_readme_lists_the_method(name):
    assert f"`{name}`" in (ROOT / "README.md").read_text()


def test_readme_counts_the_methods():
    assert f" {len(METHODS)} methods for images" in (ROOT / "README.md").read_text()
