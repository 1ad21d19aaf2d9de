# SPDX-License-Identifier: Apache-2.0
import keras
import numpy as np
import pytest

from cl_keras import encoders, heads
from cl_keras.rebuilding import in_float32, in_precision
from cl_keras.runs.encoder_names import build_encoder

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


def _check_alike(made, given):
    """The same weights, and nearly the same answers, in float32."""
    for one, other in zip(made.get_weights(), given.get_weights(), strict=True):
        np.testing.assert_array_equal(one, np.asarray(other, one.dtype))
    shape = [size or 4000 for size in given.input_shape[1:]]
    inputs = np.random.default_rng(0).random((4, *shape), np.float32)
    found, before = (x.predict(inputs, verbose=0) for x in (made, given))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, before, rtol=0.1, atol=0.05 * found.std())
    assert [x.name for x in made.layers] == [x.name for x in given.layers]


@pytest.mark.parametrize(
    ("kind", "policy"),
    [(kind, "mixed_bfloat16") for kind in BUILDERS]
    + [("resnet", "bfloat16"), ("resnet", "float64")],
)
def test_a_model_of_another_precision_becomes_one_of_float32(kind, policy):
    keras.mixed_precision.set_global_policy(policy)
    try:
        mixed = BUILDERS[kind]()
    finally:
        keras.mixed_precision.set_global_policy("float32")
    model = in_float32(mixed)
    assert {x.compute_dtype for x in model._flatten_layers()} == {"float32"}
    _check_alike(model, mixed)
    assert in_float32(model) is model


def test_a_model_whose_class_has_no_config_stays_as_it_is():
    class Unknown(keras.Model):
        def __init__(self, kernel):
            super().__init__(dtype="mixed_bfloat16")
            self.kernel = kernel

    model = Unknown(np.ones((2, 2)))
    assert in_float32(model) is model


def test_layers_of_integers_do_not_make_a_model_one_of_another_precision():
    tokens = keras.Input((3,), dtype="int64")
    rows = keras.layers.IntegerLookup(vocabulary=[5, 7])(tokens)
    model = keras.Model(tokens, keras.layers.Embedding(4, 2)(rows))
    assert in_float32(model) is model


@pytest.mark.parametrize("kind", BUILDERS)
def test_a_model_of_float32_becomes_one_of_mixed_precision(kind):
    model = BUILDERS[kind]()
    mixed = in_precision(model, "mixed_bfloat16")
    learning = {
        x.compute_dtype
        for x in mixed._flatten_layers()
        if x.weights and not isinstance(x, keras.Model) and x is not mixed.layers[-1]
    }
    assert learning == ({"bfloat16"} if kind != "inception" else set())
    _check_alike(mixed, model)
    assert in_precision(mixed, "mixed_bfloat16") is mixed or not learning


def test_a_training_from_the_zoo_computes_in_its_own_precision():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        encoder = build_encoder("zoo:simclr_compact_digits", (16, 16, 1), {}, {})
    finally:
        keras.config.set_dtype_policy("float32")
    learning = [x for x in encoder._flatten_layers(include_self=False) if x.weights]
    assert {x.compute_dtype for x in learning} == {"bfloat16"}
    assert encoder.outputs[0].dtype == "float32"
