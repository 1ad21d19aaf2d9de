# SPDX-License-Identifier: Apache-2.0
"""What all methods promise, each with an encoder of a few weights."""

import contextlib
import functools

import keras
import numpy as np
import pytest
import tensorflow as tf
from replica_cases import two_views

from cl_keras import encoders, methods

layers = keras.layers


def small_images():
    inputs = keras.Input((6, 6, 1))
    x = layers.Conv2D(4, 3)(inputs)
    x = layers.BatchNormalization(synchronized=True)(x)
    x = layers.GlobalAveragePooling2D()(layers.Activation("tanh")(x))
    return keras.Model(inputs, x)


def projector():
    return keras.Sequential([keras.Input((4,)), layers.Dense(3)])


def numbers(*shape, seed=0):
    return np.random.default_rng(seed).random(shape, np.float32)


def simclr():
    # Dropout: a layer's random state is one of the model's.
    encoder = keras.Sequential(
        [keras.Input((4,)), layers.Dense(6, "tanh"), layers.Dropout(0.2)]
    )
    return methods.SimCLR(encoder, temperature=0.2)


def cpc():
    encoder = encoders.vector_sequence(
        (None, 2), channels=4, context=4, kernels=(3,), strides=(2,)
    )
    return methods.CPC(encoder, steps=2, negatives=5, seed=3)


def dim():
    encoder = encoders.dim_conv((16, 16, 1), widths=(2, 3), hidden=8, code=4)
    # The prior draws samples in evaluation too.
    return methods.DeepInfoMax(encoder, local_layer="conv2", width=6, prior_weight=0.1)


def dgi():
    encoder = encoders.gcn((3,), units=4)
    return methods.DeepGraphInfomax(encoder, summary="batch", seed=1)


def grace():
    return methods.GRACE(encoders.gcn((3,), units=4), seed=1)


def graphs(n):
    return {
        "features": numbers(n, 5, 3),
        "edges": np.tile(np.int32([[0, 1], [1, 0], [2, 3], [3, 2]]), (n, 1, 1)),
        "mask": np.ones((n, 5), bool),
    }


def autoencoder(kind=methods.Autoencoder):
    encoder = keras.Sequential(
        [keras.Input((4, 4, 1)), layers.Flatten(), layers.Dense(3)]
    )
    decoder = keras.Sequential(
        [keras.Input((3,)), layers.Dense(16), layers.Reshape((4, 4, 1))]
    )
    return kind(encoder, decoder)


def denoising_autoencoder():
    return autoencoder(methods.DenoisingAutoencoder)


CASES = {
    "cpc": (cpc, lambda n: (numbers(n, 17, 2),)),
    "dim": (dim, lambda n: (numbers(n, 16, 16, 1),)),
    "dgi": (dgi, graphs),
    "grace": (grace, graphs),
    "autoencoder": (autoencoder, lambda n: (numbers(n, 4, 4, 1),)),
    "denoising_autoencoder": (
        denoising_autoencoder,
        lambda n: (numbers(n, 4, 4, 1),),
    ),
}
CASES |= {
    name: (functools.partial(two_views.small_model, name), two_views.views)
    for name in methods.METHODS
    if two_views.is_of_views(name)
}
CASES["simclr"] = simclr, lambda n: (numbers(n, 4), numbers(n, 4, seed=1))
# The others look at each example by itself, or at past ones.
NEED_TWO = (
    "simclr",
    "moco_v3",
    "barlow_twins",
    "vicreg",
    "nnclr",
    "dcl",
    "clip",
    "cpc",
    "dim",
)


def made(name, examples=8, batch=4):
    keras.utils.set_random_seed(0)
    make, data = CASES[name]
    model = make()
    model.compile(keras.optimizers.SGD(0.05))
    dataset = tf.data.Dataset.from_tensor_slices(data(examples)).batch(batch)
    return model, dataset


def test_all_methods_are_here():
    assert set(CASES) == set(methods.METHODS)


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_validation_leaves_the_training_as_it_is(name):
    ends = []
    for with_validation in (False, True):
        model, dataset = made(name)
        options = {"validation_data": dataset} if with_validation else {}
        model.fit(dataset, epochs=2, verbose=0, **options)
        states = [generator.state.numpy() for generator in model._generators()]
        ends.append(model.get_weights() + states)
    for one, other in zip(*ends, strict=True):
        np.testing.assert_array_equal(one, other)
    options = {"verbose": 0, "return_dict": True}
    first, *others = (model.evaluate(dataset, **options) for _ in range(3))
    assert all(first == other for other in others)
    assert np.isfinite(first["loss"])


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_a_batch_of_one_is_named(name):
    model, dataset = made(name, examples=1)
    assert tf.nest.flatten(dataset.element_spec)[0].shape[0] is None
    if name not in NEED_TWO:
        assert np.isfinite(model.fit(dataset, verbose=0).history["loss"]).all()
        return
    with pytest.raises(tf.errors.InvalidArgumentError, match="at least two"):
        model.fit(dataset, verbose=0)
    with pytest.raises(tf.errors.InvalidArgumentError, match="at least two"):
        model.evaluate(dataset, verbose=0)


@pytest.mark.slow
def test_replicas_without_rows_compute_what_one_device_does():
    # Seven rows in batches of 4 and 3: on four devices 1, 1, 1, 0. Batches of 3 first:
    # the shape of a replica without rows is the first that is traced.
    views = numbers(2, 7, 6, 6, 1)
    dataset = tf.data.Dataset.from_tensor_slices((views[0], views[1]))
    dataset = dataset.take(3).batch(3).concatenate(dataset.skip(3).batch(4))
    dataset = dataset.apply(tf.data.experimental.assert_cardinality(2))
    found = []
    for replicas in (1, 4):
        devices = [f"CPU:{number}" for number in range(replicas)]
        strategy = tf.distribute.MirroredStrategy(devices)
        keras.utils.set_random_seed(0)
        with strategy.scope() if replicas > 1 else contextlib.nullcontext():
            model = methods.SimCLR(small_images(), projector(), 0.2)
            model.compile(keras.optimizers.SGD(0.05))
        history = model.fit(dataset, verbose=0).history
        scores = model.evaluate(dataset, verbose=0, return_dict=True)
        features = model.predict(dataset.map(lambda one, two: one), verbose=0)
        found.append((history, scores, [*model.get_weights(), features]))
    (history, scores, values), (histories, all_scores, others) = found
    for name, value in {**history, **scores}.items():
        other = {**histories, **all_scores}[name]
        np.testing.assert_allclose(other, value, atol=1e-4, err_msg=name)
    for one, other in zip(values, others, strict=True):
        np.testing.assert_allclose(other, one, atol=1e-5)
