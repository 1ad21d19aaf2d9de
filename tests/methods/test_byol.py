# SPDX-License-Identifier: Apache-2.0
"""BYOL against plain NumPy, and its target against what it follows."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from vectors import unit

from cl_keras import methods
from cl_keras.methods.parts.twin import rising

layers = keras.layers
RNG = np.random.default_rng(0)


def encoder():
    inputs = keras.Input((6,))
    x = layers.BatchNormalization()(layers.Dense(5)(inputs))
    return keras.Model(inputs, layers.Activation("tanh")(x))


def head(features):
    return keras.Sequential([keras.Input((features,)), layers.Dense(4)])


def byol(**options):
    keras.utils.set_random_seed(0)
    model = methods.BYOL(encoder(), head(4), projector=head(5), **options)
    model.compile(keras.optimizers.SGD(0.1))
    return model


def views(rows=8):
    return tuple(RNG.random((2, rows, 6), np.float32))


def test_the_loss_is_the_papers():
    p1, p2, t1, t2 = RNG.normal(size=(4, 7, 3))
    outputs = {"prediction1": p1, "prediction2": p2, "target1": t1, "target2": t2}
    (loss,) = byol().objective(outputs).values()
    cosines = np.sum(unit(p1) * unit(t2), 1) + np.sum(unit(p2) * unit(t1), 1)
    np.testing.assert_allclose(loss, 4 - 2 * cosines, rtol=1e-5)
    same = dict.fromkeys(outputs, p1)
    assert np.abs(byol().objective(same)["regression"]).max() < 1e-5


def test_each_prediction_is_of_the_other_view():
    model = byol()
    first, second = views()
    outputs = model.forward((tf.constant(first), tf.constant(second)), False)
    targets = model.projector(model.encoder(second))  # They start equal.
    np.testing.assert_allclose(outputs["target2"], targets, atol=1e-6)
    predictions = model.predictor(outputs["embedding1"])
    np.testing.assert_allclose(outputs["prediction1"], predictions, atol=1e-6)


def test_the_target_is_the_average_of_the_weights():
    model = byol(momentum=0.75)
    trained = [w.trainable for w in model.encoder.weights + model.projector.weights]
    online = model.encoder.weights + model.projector.weights
    average = [np.array(w) for w in online]
    batch = tf.data.Dataset.from_tensors((views(),))
    for _ in range(3):
        model.fit(batch, verbose=0)
        for place, weight in enumerate(online):
            if trained[place]:
                average[place] = 0.75 * average[place] + 0.25 * np.array(weight)
    followed = [w for copy in model.target.copies for w in copy.weights]
    behind = []
    for place, weight in enumerate(followed):
        if trained[place]:
            np.testing.assert_allclose(weight, average[place], atol=1e-6)
            behind.append(np.abs(average[place] - np.array(online[place])).max())
    assert max(behind) > 1e-3


def test_the_target_is_not_trained_and_looks_at_its_own_batch():
    model = byol()
    count = len(model.encoder.trainable_weights) + 4
    assert len(model.trainable_variables) == count
    model.trainable = True  # Reaches all layers.
    assert len(model.trainable_variables) == count
    x = tf.constant(views()[0])
    training = model.target(x, training=True)
    expected = model.projector(model.encoder(x, training=True))
    np.testing.assert_allclose(training, expected, atol=1e-5)
    assert np.abs(training - model.target(x, training=False)).max() > 1e-3


def test_no_gradient_reaches_the_target():
    target, x = byol().target, tf.constant(views()[0])
    with tf.GradientTape() as tape:
        tape.watch(x)
        total = tf.reduce_sum(target(x))
    assert tape.gradient(total, [x, target.weights[0].value]) == [None, None]


def test_a_saved_model_goes_on_where_it_was(tmp_path):
    batch = tf.data.Dataset.from_tensors((views(),))
    model = byol(momentum=0.5, total_steps=9)
    model.fit(batch, epochs=2, verbose=0)
    model.save(tmp_path / "byol.keras")
    again = keras.saving.load_model(tmp_path / "byol.keras")
    assert (again.target.momentum, again.total_steps) == (0.5, 9)
    for one in (model, again):
        one.fit(batch, epochs=2, verbose=0)
    for old, new in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_allclose(new, old, atol=1e-6)


def test_micro_batches_train_alike():
    batch, ends = tf.data.Dataset.from_tensors((views(),)), []
    for size in (None, 3):
        keras.utils.set_random_seed(0)
        plain = keras.Sequential([keras.Input((6,)), layers.Dense(5, "tanh")])
        model = methods.BYOL(plain, head(4), projector=head(5), micro_batch=size)
        model.compile(keras.optimizers.SGD(0.1))
        model.fit(batch, epochs=3, verbose=0)
        ends.append(model.get_weights())
    for one, other in zip(*ends, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_momentum_rises_along_a_cosine():
    rise = [float(rising(0.8, step, 100)) for step in (0, 50, 100, 150)]
    np.testing.assert_allclose(rise, [0.8, 0.9, 1.0, 1.0], atol=1e-6)
    model = byol(momentum=0.0, total_steps=1)  # At its end the target stays.
    before = model.target.get_weights()[0]
    model.fit(tf.data.Dataset.from_tensors((views(),)), verbose=0)
    np.testing.assert_array_equal(model.target.get_weights()[0], before)


@pytest.mark.parametrize("momentum", [-0.1, 1.1, float("nan")])
def test_bad_momentum(momentum):
    with pytest.raises(ValueError, match="`momentum` must be from 0 to 1"):
        byol(momentum=momentum)
