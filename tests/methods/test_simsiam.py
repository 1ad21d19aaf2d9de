# SPDX-License-Identifier: Apache-2.0
"""SimSiam against lightly's arrays; NNCLR against plain NumPy."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from vectors import GOLDEN, dense, unit

from cl_keras import methods


@pytest.mark.parametrize("size", ["tall", "wide"])
def test_the_loss_of_simsiam_is_lightlys(size):
    prediction, embedding = (tf.constant(GOLDEN[f"{size}_view{i}"]) for i in (1, 2))
    model = methods.SimSiam(dense(5, 4), dense(3, 3), projector=dense(4, 3))
    # The same in both directions.
    outputs = {f"prediction{i}": prediction for i in (1, 2)}
    outputs |= {f"embedding{i}": embedding for i in (1, 2)}
    with tf.GradientTape() as tape:
        tape.watch((prediction, embedding))
        loss = tf.reduce_mean(model.objective(outputs)["similarity"])
    np.testing.assert_allclose(loss, GOLDEN[f"{size}_cosine"], rtol=1e-5)
    of_prediction, of_embedding = tape.gradient(loss, (prediction, embedding))
    wanted = GOLDEN[f"{size}_cosine_gradient1"]
    np.testing.assert_allclose(of_prediction, wanted, atol=1e-6)
    assert of_embedding is None


def test_each_prediction_is_of_the_other_view():
    model = methods.SimSiam(dense(5, 4), dense(3, 3), projector=dense(4, 3))
    first, second = np.random.default_rng(0).random((2, 6, 5), np.float32)
    outputs = model.forward((tf.constant(first), tf.constant(second)), False)
    other = np.array(model.projector(model.encoder(second)))
    own = np.array(model.predictor(model.projector(model.encoder(first))))
    again = np.array(model.predictor(other))
    target = np.array(model.projector(model.encoder(first)))
    cosines = np.sum(unit(own) * unit(other), 1) + np.sum(unit(again) * unit(target), 1)
    np.testing.assert_allclose(
        model.objective(outputs)["similarity"], -cosines / 2, rtol=1e-4, atol=1e-6
    )


def nnclr(**options):
    keras.utils.set_random_seed(0)
    options = {"queue_size": 6, "seed": 0, "temperature": 0.3} | options
    return methods.NNCLR(dense(5, 4), dense(3, 3), projector=dense(4, 3), **options)


def test_the_loss_of_nnclr_is_the_papers():
    model, rng = nnclr(), np.random.default_rng(0)
    z1, z2, p1, p2 = rng.normal(size=(4, 7, 3)).astype(np.float32)
    queue = np.array(model.queue.rows)
    expected = np.zeros(7)
    for embedding, prediction in ((z1, p2), (z2, p1)):
        nearest = queue[np.argmax(unit(embedding) @ queue.T, axis=1)]
        logits = nearest @ unit(prediction).T / 0.3
        expected += np.log(np.exp(logits).sum(axis=1)) - np.diag(logits)
    outputs = {"embedding1": z1, "embedding2": z2, "prediction1": p1, "prediction2": p2}
    (loss,) = model.objective(outputs).values()
    np.testing.assert_allclose(loss, expected / 2, rtol=1e-5)


def test_embeddings_of_first_views_are_queued():
    model = nnclr()
    model.compile(keras.optimizers.SGD(0.1))
    first, second = np.random.default_rng(0).random((2, 4, 5), np.float32)
    rows = unit(np.array(model.projector(model.encoder(first))))
    model.train_on_batch((first, second))
    np.testing.assert_allclose(model.queue.rows[:4], rows, atol=1e-6)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: nnclr(queue_size=0), "size=0"),
        (lambda: nnclr(temperature=0.0), "temperature=0.0"),
        (lambda: methods.SimSiam(dense(5, 4), dense(9, 9)), "must map 2048 features"),
    ],
)
def test_bad_input_is_named(wrong, message):
    with pytest.raises(ValueError, match=message):
        wrong()
