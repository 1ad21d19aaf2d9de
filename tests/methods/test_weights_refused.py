# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest

from cl_keras import encoders, methods


@pytest.mark.parametrize(
    "weights", [{"sample_weight": np.zeros(4)}, {"class_weight": {0: 1.0, 1: 0.0}}]
)
def test_weights_are_refused_by_name(weights):
    views = np.random.default_rng(0).random((2, 4, 8, 8, 3), np.float32)
    model = methods.SimCLR(encoders.compact_resnet((8, 8, 3), width=4, blocks=1))
    model.compile("sgd")
    with pytest.raises(ValueError, match=f"same weight.*{next(iter(weights))}"):
        model.fit((views[0], views[1]), np.arange(4) % 2, verbose=0, **weights)
