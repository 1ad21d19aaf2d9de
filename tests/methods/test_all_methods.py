# SPDX-License-Identifier: Apache-2.0
"""What all methods promise, each with an encoder of a few weights."""

import contextlib
import functools
import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from replica_cases import graphs, two_views

from cl_keras import encoders, methods
from cl_keras.runs.health import CollapseAlarm

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
    "autoencoder": (autoencoder, lambda n: (numbers(n, 4, 4, 1),)),
    "denoising_autoencoder": (
        denoising_autoencoder,
        lambda n: (numbers(n, 4, 4, 1),),
    ),
}
CASES |= {
    name: tuple(
        functools.partial(x, name) for x in (two_views.small_model, two_views.views)
    )
    for name in methods.METHODS
    if two_views.is_of_views(name)
}
CASES |= {
    name: (functools.partial(graphs.small_model, name, units=4), graphs.graphs)
    for name in methods.METHODS
    if graphs.is_of_graphs(name)
}
CASES["simclr"] = simclr, lambda n: (numbers(n, 4), numbers(n, 4, seed=1))


def made(name, examples=8, batch=4):
    keras.utils.set_random_seed(0)
    make, data = CASES[name]
    model = make()
    model.compile(keras.optimizers.SGD(0.05))
    dataset = tf.data.Dataset.from_tensor_slices(data(examples)).batch(batch)
    return model, dataset


def alike(name, ends, others):
    """Whether two trainings end with the same weights, bit for bit."""
    pairs = list(zip(ends, others, strict=True))
    if "graph" in methods.get(name).modalities:
        # Threads add up what arrives at a node in an order of their own, and each sum
        # is rounded by the largest that is added.
        return all(
            np.allclose(one, other, rtol=0, atol=1e-6 * np.abs(one).max())
            for one, other in pairs
        )
    return all(np.array_equal(*pair) for pair in pairs)


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
    assert alike(name, *ends)
    options = {"verbose": 0, "return_dict": True}
    first, *others = (model.evaluate(dataset, **options) for _ in range(3))
    assert all(first == other for other in others)
    assert np.isfinite(first["loss"])


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_a_batch_of_one_is_named_or_trains(name):
    # Some methods look at each example by itself, or at past ones.
    model, dataset = made(name, examples=1)
    assert tf.nest.flatten(dataset.element_spec)[0].shape[0] is None
    try:
        losses = model.fit(dataset, verbose=0).history["loss"]
    except tf.errors.InvalidArgumentError as error:
        assert "at least two" in str(error)
        with pytest.raises(tf.errors.InvalidArgumentError, match="at least two"):
            model.evaluate(dataset, verbose=0)
    else:
        assert np.isfinite(losses).all()


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_saved_and_loaded_it_goes_on_to_the_same_weights(name, tmp_path):
    model, dataset = made(name)
    model.fit(dataset, epochs=2, verbose=0)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    configs = [json.dumps(x.get_config(), sort_keys=True) for x in (model, again)]
    assert configs[0] == configs[1]
    for one in (model, again):
        one.fit(dataset, epochs=2, verbose=0)
    assert alike(name, model.get_weights(), again.get_weights())


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_the_loss_falls_on_one_batch(name):
    model, dataset = made(name, batch=8)
    model.compile(keras.optimizers.Adam(0.01))
    losses = model.fit(dataset, epochs=40, verbose=0).history["loss"]
    assert np.mean(losses[-5:]) < losses[0]


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_labels_change_nothing_unless_the_method_needs_them(name):
    data, ends = CASES[name][1](8), []
    if "labels" in methods.get(name).needs:
        data = data[0]
    single = isinstance(data, tuple) and len(data) == 1
    for labels in (np.arange(8) % 2, np.arange(8) // 4):
        model, _ = made(name)
        both = (data[0] if single else data, labels)
        dataset = tf.data.Dataset.from_tensor_slices(both).batch(4)
        model.fit(dataset, epochs=2, verbose=0)
        ends.append(model.get_weights())
    assert alike(name, *ends) != ("labels" in methods.get(name).needs)


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_a_constant_encoder_raises_the_alarm(name):
    model, dataset = made(name)
    model.compile(keras.optimizers.SGD(0.0))
    model.encoder.set_weights([0.0 * x for x in model.encoder.get_weights()])
    inputs = next(iter(dataset.unbatch().batch(8)))
    if isinstance(inputs, dict):
        inputs = model.unpack(inputs)
        inputs = {key: inputs[key] for key in ("features", "edges")}
    else:
        inputs = tf.nest.flatten(inputs)[0]
    alarm = CollapseAlarm(probe=lambda encoder: np.array(encoder(inputs)))
    with pytest.warns(RuntimeWarning, match="collapse"):
        model.fit(dataset, verbose=0, callbacks=[alarm])
    assert alarm.findings[0].level == "problem"


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_it_trains_in_half_precision_and_compiled(name):
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model, dataset = made(name)
    finally:
        keras.config.set_dtype_policy("float32")
    # Nodes that do not count are left out, of which XLA cannot know the number.
    model.jit_compile = "graph" not in methods.get(name).modalities
    assert np.isfinite(model.fit(dataset, verbose=0).history["loss"]).all()


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
