# SPDX-License-Identifier: Apache-2.0
"""MoCo v2 against lightly's arrays, v3 against NumPy; the queue of a training."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from replica_cases import two_views
from vectors import GOLDEN, dense, unit

from cl_keras import methods
from cl_keras.methods.parts import in_groups


@pytest.mark.parametrize("size", ["tall", "wide"])
def test_the_loss_is_lightlys(size):
    query, key = (tf.constant(GOLDEN[f"{size}_view{i}"]) for i in (1, 2))
    rows = GOLDEN[f"{size}_queue"]
    model = methods.MoCo(dense(5, 4), dense(4, rows.shape[1]), queue_size=len(rows))
    model.queue.rows.assign(unit(rows))
    with tf.GradientTape() as tape:
        tape.watch(query)
        (loss,) = model.objective({"embedding1": query, "embedding2": key}).values()
        loss = tf.reduce_mean(loss)
    np.testing.assert_allclose(loss, GOLDEN[f"{size}_moco"], rtol=1e-5)
    gradient, wanted = tape.gradient(loss, query), GOLDEN[f"{size}_moco_gradient1"]
    np.testing.assert_allclose(gradient, wanted, atol=1e-5)


def test_keys_of_past_batches_are_the_negatives():
    keras.utils.set_random_seed(0)
    model = methods.MoCo(dense(5, 4), dense(4, 3), queue_size=6, seed=0)
    model.compile(keras.optimizers.SGD(0.1))
    first, second = np.random.default_rng(0).random((2, 4, 5), np.float32)
    before = np.array(model.queue.rows)
    keys = unit(np.array(model.target(second)))
    model.train_on_batch((first, second))
    # The oldest went; the keys are those of the target as it was.
    np.testing.assert_allclose(model.queue.rows[:4], keys, atol=1e-6)
    np.testing.assert_array_equal(model.queue.rows[4:], before[4:])
    model.test_on_batch((first, second))
    np.testing.assert_allclose(model.queue.rows[:4], keys, atol=1e-6)
    assert model.negatives_per_query(4) == 6


def test_no_gradient_reaches_keys_or_target():
    model = two_views.small_model("moco")
    first, second = (tf.constant(view) for view in two_views.views("moco", 4))
    with tf.GradientTape() as tape:
        tape.watch((first, second))
        loss = model.objective(model.forward((first, second), True))["info_nce"]
    of_first, of_second = tape.gradient(loss, (first, second))
    assert np.abs(of_first).max() > 0 and of_second is None
    names = {variable.path for variable in model.trainable_variables}
    assert not any("twin" in name or "queue" in name for name in names)


def test_the_loss_of_v3_is_the_papers():
    p1, p2, t1, t2 = np.random.default_rng(0).normal(size=(4, 7, 3)).astype(np.float32)
    model = methods.MoCoV3(
        dense(5, 4), dense(3, 3), projector=dense(4, 3), temperature=0.3
    )
    outputs = {"prediction1": p1, "prediction2": p2, "target1": t1, "target2": t2}
    (loss,) = model.objective(outputs).values()
    expected = np.zeros(7)
    for prediction, target in ((p1, t2), (p2, t1)):
        logits = unit(prediction) @ unit(target).T / 0.3
        expected += np.log(np.exp(logits).sum(axis=1)) - np.diag(logits)
    np.testing.assert_allclose(loss, 2 * 0.3 * expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"queue_size": 0}, "size=0"),
        ({"momentum": 1.5}, "momentum=1.5"),
        ({"temperature": -1.0}, "temperature=-1.0"),
    ],
)
def test_bad_input_is_named(options, message):
    with pytest.raises(ValueError, match=message):
        methods.MoCo(dense(5, 4), dense(4, 3), **options)


def test_a_single_tensor_is_no_two_views():
    model = methods.MoCo(dense(5, 4), dense(4, 3), queue_size=6)
    model.compile(keras.optimizers.SGD(0.1))
    batches = tf.data.Dataset.from_tensors(tf.ones((4, 5)))
    with pytest.raises(ValueError, match=r"MoCo trains on two views.*\(4, 5\)"):
        model.fit(batches, verbose=0)


def test_groups_are_normalised_by_themselves_and_keys_in_another_order():
    keras.utils.set_random_seed(0)
    small = two_views.small_model("moco")
    options = {"queue_size": 8, "seed": 0}
    model = methods.MoCo(small.encoder, small.projector, groups=2, **options)
    whole = methods.MoCo(small.encoder, small.projector, **options)
    views = tuple(tf.constant(view) for view in two_views.views("moco", 8))
    # Without batch statistics groups and orders make no difference.
    for name in ("embedding1", "embedding2"):
        ends = [x.encode(views, training=False)[name] for x in (model, whole)]
        np.testing.assert_allclose(*ends, atol=1e-5)
    outputs = model.encode(views, training=True)
    halves = [whole.encode(views_of(views, part), True) for part in (0, 1)]
    queries = tf.concat([half["embedding1"] for half in halves], axis=0)
    np.testing.assert_allclose(outputs["embedding1"], queries, atol=1e-5)
    together = whole.encode(views, training=True)["embedding1"]
    assert np.abs(outputs["embedding1"] - together).max() > 1e-3
    # Keys are of other groups than their queries, and differ from order to order.
    keys = tf.concat([half["embedding2"] for half in halves], axis=0)
    again = model.encode(views, training=True)["embedding2"]
    assert np.abs(outputs["embedding2"] - keys).max() > 1e-3
    assert np.abs(outputs["embedding2"] - again).max() > 1e-4


def views_of(views, part):
    return tuple(tf.split(view, 2)[part] for view in views)


def test_keys_stay_with_their_queries_in_any_order():
    rows = tf.random.normal((6, 3), seed=0)
    order = tf.constant([3, 0, 5, 1, 4, 2])
    np.testing.assert_array_equal(in_groups(lambda x: 2 * x, rows, 3, order), 2 * rows)
    with pytest.raises(tf.errors.InvalidArgumentError, match="4 groups divide"):
        in_groups(lambda x: x, rows, 4)
    with pytest.raises(ValueError, match="groups"):
        methods.MoCo(dense(5, 4), dense(4, 3), groups=0)
