# SPDX-License-Identifier: Apache-2.0
import keras
import numpy as np
import pytest

from cl_keras import heads


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_layers_are_those_of_simclr(depth):
    head = heads.projection_head(32, depth=depth, width=8)
    dense = [x for x in head.layers if isinstance(x, keras.layers.Dense)]
    norms = [x for x in head.layers if isinstance(x, keras.layers.BatchNormalization)]
    relus = [x for x in head.layers if isinstance(x, keras.layers.ReLU)]
    assert [x.units for x in dense] == [32] * (depth - 1) + [8]
    assert not any(x.use_bias for x in dense)
    assert [x.center for x in norms] == [True] * (depth - 1) + [False]
    assert len(relus) == depth - 1
    assert head.output_shape == (None, 8)


def test_embeddings_are_float32_under_mixed_precision():
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    head = heads.projection_head(8, width=4)
    assert head.predict(np.ones((2, 8)), verbose=0).dtype == np.float32


def test_zero_depth_is_refused():
    with pytest.raises(ValueError, match="depth=0"):
        heads.projection_head(32, depth=0)
