# SPDX-License-Identifier: Apache-2.0
"""Checkpoints in each source's layout, and what PyTorch's networks gave for them."""

import json
from pathlib import Path

import numpy as np
import pytest
from checkpoint_weights import PLACES, weights
from safetensors.numpy import save_file

GOLDEN = Path(__file__).parents[1] / "golden" / "torch_encoders.npz"


@pytest.fixture(scope="session")
def golden():
    with np.load(GOLDEN) as arrays:
        return dict(arrays)


@pytest.fixture(scope="session")
def shapes(golden):
    """Names and shapes of a network's weights: `shapes("resnet18")`."""
    return lambda network: json.loads(str(golden[f"{network}/shapes"]))


@pytest.fixture
def state(shapes):
    """Weights of a network in a source's layout: `state("moco_v2", "resnet18")`.

    At another place there is nothing beside them.
    """

    def make(source, network, place=None):
        known, beside = PLACES[source]
        own = weights(shapes(network))
        if place is not None:
            return {place + key: array for key, array in own.items()}
        own = {known + key: array for key, array in own.items()}
        return own | {name: np.ones(3, np.float32) for name in beside}

    return make


@pytest.fixture
def written(state, tmp_path):
    """The same as a file: `written("moco_v2", "resnet18")`."""

    def write(*args, **changes):
        path = tmp_path / "checkpoint.safetensors"
        arrays = state(*args) | changes
        save_file({k: v for k, v in arrays.items() if v is not None}, path)
        return path

    return write
