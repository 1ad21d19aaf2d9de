# SPDX-License-Identifier: Apache-2.0
"""Evaluation draws apart: training with validation is training without."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from cl_keras import encoders, methods


def random():
    return np.random.default_rng(0)


def cpc():
    net = encoders.audio_conv(channels=8, context=6, kernels=(8, 4), strides=(4, 2))
    waves = random().normal(0, 0.3, (12, 160)).astype("float32")
    return methods.CPC(net, steps=2, negatives=6, seed=1), waves


def dgi():
    rng = random()
    features = rng.normal(size=(4, 6, 5)).astype("float32")
    edges = rng.integers(0, 6, (4, 8, 2)).astype("int32")
    model = methods.DeepGraphInfomax(encoders.gcn((5,), units=8))
    return model, {"features": features, "edges": edges}


def dim():
    net = encoders.dim_conv((16, 16, 1), widths=(4, 6), hidden=16, code=8)
    options = {"local_layer": "conv2", "width": 8, "prior_weight": 0.1}
    images = random().random((8, 16, 16, 1), np.float32)
    return methods.DeepInfoMax(net, locations=3, **options), images


def denoising():
    net = encoders.compact_resnet((8, 8, 1), width=4, blocks=1)
    images = random().random((8, 8, 8, 1), np.float32)
    return methods.DenoisingAutoencoder(net), images


@pytest.mark.slow
@pytest.mark.parametrize("make", [cpc, dgi, dim, denoising])
def test_training_with_validation_is_training_without(make):
    results = []
    for validated in (False, True):
        keras.utils.set_random_seed(0)
        model, inputs = make()
        model.compile("sgd")
        data = tf.data.Dataset.from_tensor_slices(inputs).batch(4)
        given = {"validation_data": data} if validated else {}
        model.fit(data, epochs=2, verbose=0, **given)
        results.append(model.get_weights())
    for one, other in zip(*results, strict=True):
        np.testing.assert_array_equal(one, other)
    scores = [model.evaluate(data, verbose=0, return_dict=True) for _ in range(2)]
    assert scores[0] == scores[1]


def test_an_interrupted_evaluation_leaves_the_states_alone():
    model, waves = cpc()
    model.compile("sgd")
    one = tf.data.Dataset.from_tensor_slices(waves[:1]).batch(4)
    with pytest.raises(tf.errors.InvalidArgumentError):
        model.evaluate(one, verbose=0)
    assert model.seeds.state.numpy().tolist() == [1, 0]
