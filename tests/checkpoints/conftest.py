# SPDX-License-Identifier: Apache-2.0
"""Checkpoints in each source's layout."""

import pytest
from checkpoint_weights import state
from safetensors.numpy import save_file


@pytest.fixture
def written(tmp_path):
    """Weights as a file: `written("moco_v2", "resnet18")`; arrays may be changed."""

    def write(*args, **changes):
        path = tmp_path / "checkpoint.safetensors"
        arrays = state(*args) | changes
        save_file({k: v for k, v in arrays.items() if v is not None}, path)
        return path

    return write
