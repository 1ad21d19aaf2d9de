# SPDX-License-Identifier: Apache-2.0
import keras
import numpy as np
import pytest
import tensorflow as tf

from cl_keras import optimizers

KEPT = ("gamma", "beta", "bias", "alpha", "scale")


@pytest.mark.parametrize(
    "optimizer",
    [optimizers.AdamW(0.1, weight_decay=0.5), optimizers.LARS(0.1, weight_decay=0.5)],
    ids=["AdamW", "LARS"],
)
def test_slopes_and_normalisation_weights_are_not_decayed(optimizer):
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((4,)),
            layers.Dense(4, bias_initializer="ones"),
            layers.PReLU(alpha_initializer="ones"),
            layers.LayerNormalization(beta_initializer="ones"),
            layers.RMSNormalization(),
        ]
    )
    variables = model.trainable_variables
    # A step without gradient: decay alone.
    optimizer.apply([tf.zeros_like(v) for v in variables], variables)
    kept = [v for v in variables if v.name != "kernel"]
    assert {v.name for v in kept} == set(KEPT)
    for variable in kept:
        np.testing.assert_array_equal(variable, np.ones_like(variable), variable.path)
