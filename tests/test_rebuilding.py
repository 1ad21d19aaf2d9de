# SPDX-License-Identifier: Apache-2.0
import keras
import numpy as np
import pytest

from cl_keras import encoders, heads
from cl_keras.rebuilding import in_float32

BUILDERS = {
    "compact_conv": lambda: encoders.compact_conv((8, 8, 3), widths=[4]),
    "resnet": lambda: encoders.compact_resnet((8, 8, 3), width=4, stages=2),
    "vit": lambda: encoders.vit(12, depth=1, heads=3, patch=4, input_shape=(8, 8, 3)),
    "recordings": lambda: encoders.mel_conv(widths=[4, 4, 4], units=8),
    "series": lambda: encoders.vector_sequence((None, 3), channels=4, context=4),
    "inception": lambda: keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(2, name="mixed_5b")]
    ),
    "head": lambda: heads.projection_head(4),
    "nested": lambda: keras.Sequential(
        [encoders.compact_resnet((8, 8, 3), width=4, stages=1), keras.layers.Dense(2)]
    ),
}


@pytest.mark.parametrize("kind", BUILDERS)
def test_a_model_of_mixed_precision_becomes_one_of_float32(kind):
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        mixed = BUILDERS[kind]()
    finally:
        keras.mixed_precision.set_global_policy("float32")
    model = in_float32(mixed)
    assert {x.compute_dtype for x in model._flatten_layers()} == {"float32"}
    for one, other in zip(model.get_weights(), mixed.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    shape = [size or 4000 for size in mixed.input_shape[1:]]
    inputs = np.random.default_rng(0).random((4, *shape), np.float32)
    found, rounded = (x.predict(inputs, verbose=0) for x in (model, mixed))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, rounded, rtol=0.1, atol=0.05 * found.std())
    assert [x.name for x in model.layers] == [x.name for x in mixed.layers]
    assert in_float32(model) is model
