# SPDX-License-Identifier: Apache-2.0
"""Methods of any number of views against lightly's arrays, or plain NumPy."""

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from vectors import dense, unit

from cl_keras import heads, losses, methods

GOLDEN = np.load(Path(__file__).parents[1] / "golden" / "crop_losses.npz")


def model(method, **options):
    options = {"projector": dense(4, 5)} | options
    return method(dense(5, 4), **options)


def named(name, values):
    return {f"{name}{number}": value for number, value in enumerate(values, start=1)}


def check(name, values, loss):
    """That a loss and its gradients by some views are lightly's."""
    values = [tf.constant(value) for value in values]
    with tf.GradientTape() as tape:
        tape.watch(values)
        result = loss(values)
        result = tf.add_n([tf.reduce_mean(x) for x in tf.nest.flatten(result)])
    np.testing.assert_allclose(result, GOLDEN[name], rtol=1e-5)
    gradients = np.stack(tape.gradient(result, values, unconnected_gradients="zero"))
    np.testing.assert_allclose(gradients, GOLDEN[f"{name}_gradient0"], atol=1e-5)


def test_the_assignments_are_lightlys():
    codes = losses.sinkhorn(np.tanh(GOLDEN["scores"][0]))
    np.testing.assert_allclose(codes, GOLDEN["codes"], rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(tf.reduce_sum(codes, axis=1), 1.0, rtol=1e-6)
    even = losses.sinkhorn(tf.ones((3, 4)))
    np.testing.assert_allclose(even, np.full((3, 4), 0.25), rtol=1e-6)


@pytest.mark.parametrize("queue", [0, 6])
def test_the_loss_of_swav_is_lightlys(queue):
    swav = model(methods.SwAV, queue_size=queue, prototypes=dense(5, 5))
    past = np.tanh(GOLDEN["queue"])
    for place, rows in enumerate(swav.queues):
        rows.rows.assign(past[place])
    # What lies in the queue are embeddings; here they are their cosines.
    swav.prototypes = lambda rows: rows
    check(
        "swav_queue" if queue else "swav",
        GOLDEN["scores"],
        lambda values: swav.objective(named("score", [tf.tanh(x) for x in values])),
    )


def test_the_loss_of_dino_and_its_center_are_lightlys():
    dino = model(methods.DINO)
    dino.center.value.assign(GOLDEN["center"])
    targets = named("target", [tf.constant(x) for x in GOLDEN["targets"]])
    check(
        "dino",
        GOLDEN["scores"],
        lambda values: dino.objective(named("embedding", values) | targets),
    )
    dino.center.follow(list(targets.values()))
    np.testing.assert_allclose(
        dino.center.value, GOLDEN["dino_center"], rtol=1e-5, atol=1e-7
    )


@pytest.mark.parametrize("size", ["tall", "wide"])
def test_the_terms_of_emp_ssl_are_lightlys(size):
    emp, views = model(methods.EMPSSL), GOLDEN[f"{size}_views"]

    def term(name, scale, shift):
        return lambda values: (
            scale * emp.objective(named("embedding", values))[name] + shift
        )

    check(f"{size}_rate", views, term("coding_rate", -1.0, 0.0))
    check(f"{size}_cosine", views, term("invariance", 1 / 200.0, -1.0))


def test_the_terms_of_lejepa_are_lightlys():
    directions = GOLDEN["directions"] / np.linalg.norm(GOLDEN["directions"], axis=0)
    check(
        "sigreg",
        GOLDEN["views"],
        lambda views: tf.add_n([losses.sigreg(x, directions) for x in views]) / 3.0,
    )
    jepa = model(methods.LeJEPA, weight=0.25, directions=512, seed=0)
    check(
        "lejepa_invariance",
        GOLDEN["views"],
        lambda x: jepa.objective(named("embedding", x))["invariance"] / 0.75,
    )
    # Random directions, new at each step, estimate one number.
    outputs = named("embedding", [tf.constant(x) for x in GOLDEN["views"]])
    first, second = (float(jepa.objective(outputs)["sigreg"]) for _ in range(2))
    assert first != second
    assert abs(first - second) < 0.2 * first


def test_fast_siam_predicts_the_mean_of_the_other_views():
    fast = model(methods.FastSiam, predictor=dense(5, 5))
    rng = np.random.default_rng(0)
    z, p = rng.normal(size=(2, 4, 6, 5)).astype(np.float32)
    outputs = named("embedding", z) | named("prediction", p)
    expected = [
        -np.sum(unit(p[i]) * unit(np.delete(z, i, axis=0).mean(axis=0)), axis=1)
        for i in range(4)
    ]
    (loss,) = fast.objective(outputs).values()
    np.testing.assert_allclose(loss, np.mean(expected, axis=0), rtol=1e-5)


def test_the_loss_of_resa_is_the_papers():
    resa = model(methods.ReSA)
    rng = np.random.default_rng(0)
    h, alike = (unit(x) for x in rng.normal(size=(2, 6, 4)).astype(np.float32))
    z, t = rng.normal(size=(3, 6, 5)), rng.normal(size=(2, 6, 5))
    assigned = np.exp(h @ alike.T / 0.05)
    for _ in range(3):
        assigned /= assigned.sum(axis=0)
        assigned /= assigned.sum(axis=1, keepdims=True)
    expected = []
    for view, other in ((0, 1), (1, 0), (2, 0), (2, 1)):
        logits = unit(z[view]) @ unit(t[other]).T / 0.4
        logs = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
        expected.append(-np.sum(assigned * logs, axis=1))
    outputs = named("embedding", z.astype(np.float32)) | {"features1": 3.0 * h}
    outputs |= named("target", t.astype(np.float32)) | {"alike": 2.0 * alike}
    (loss,) = resa.objective(outputs).values()
    np.testing.assert_allclose(loss, np.mean(expected, axis=0), rtol=1e-4)


def test_prototypes_are_compared_by_their_direction():
    head = heads.prototype_head(3, width=2)
    (layer,) = (x for x in head.layers if isinstance(x, heads.Prototypes))
    rows = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
    before = head.predict(rows, verbose=0)
    vectors = np.array(layer.vectors)
    np.testing.assert_allclose(
        before, unit(rows) @ (vectors / np.linalg.norm(vectors, axis=0)), rtol=1e-4
    )
    layer.vectors.assign(7.0 * vectors)
    np.testing.assert_allclose(head.predict(2.0 * rows, verbose=0), before, rtol=1e-4)


def test_the_target_of_dino_sees_global_views_alone():
    dino = model(methods.DINO, projector=heads.dino_head(4, hidden=6, width=5))
    views = np.random.default_rng(0).random((3, 4, 5)).astype(np.float32)
    outputs = dino.forward(tuple(tf.constant(x) for x in views), True)
    assert {"target1", "target2", "embedding3"} <= set(outputs)
    assert "target3" not in outputs


@pytest.mark.parametrize(
    ("method", "twin", "network"),
    [
        (methods.DINO, "target", "encoder"),
        (methods.ReSA, "target_encoder", "encoder"),
        (methods.ReSA, "target_projector", "projector"),
    ],
)
def test_targets_follow_their_networks(method, twin, network):
    one = model(method, momentum=0.75)
    one.compile(keras.optimizers.SGD(1.0))
    before = getattr(one, network).get_weights()
    views = np.random.default_rng(0).random((2, 4, 5)).astype(np.float32)
    one.train_on_batch(tuple(views))
    after = getattr(one, network).get_weights()
    assert np.abs(before[0] - after[0]).max() > 1e-3
    # Behind the encoder's copy, DINO's target has that of the projector.
    for old, new, copy in zip(before, after, getattr(one, twin).weights, strict=False):
        np.testing.assert_allclose(copy, 0.75 * old + 0.25 * new, atol=1e-6)


def test_a_step_moves_the_center_and_the_queues():
    views = np.random.default_rng(0).random((2, 4, 5)).astype(np.float32)
    dino, swav = model(methods.DINO), model(methods.SwAV, queue_size=4)
    means = [dino.projector(dino.encoder(view)).numpy() for view in views]
    rows = unit(swav.projector(swav.encoder(views[1])).numpy())
    for one in (dino, swav):
        one.compile(keras.optimizers.SGD(0.1))
        one.train_on_batch(tuple(views))
    np.testing.assert_allclose(
        dino.center.value, 0.1 * np.mean(means, axis=(0, 1)), atol=1e-6
    )
    np.testing.assert_allclose(swav.queues[1].rows, rows, atol=1e-6)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: model(methods.SwAV, epsilon=0.0), "epsilon=0.0"),
        (lambda: model(methods.SwAV, global_views=0), "global_views=0"),
        (lambda: model(methods.DINO, center_momentum=2.0), "momentum=2.0"),
        (lambda: model(methods.LeJEPA, weight=-0.1), "weight=-0.1"),
        (lambda: model(methods.EMPSSL, epsilon=-1.0), "epsilon=-1.0"),
        (lambda: model(methods.ReSA, temperature=0), "temperature=0"),
        (
            lambda: losses.swapped_prediction([], [tf.ones((2, 3))], 0.1),
            "0 targets of 1 views",
        ),
        (lambda: heads.Prototypes(0), "count=0"),
    ],
)
def test_bad_input_is_named(wrong, message):
    with pytest.raises(ValueError, match=message):
        wrong()


def test_three_views_train_and_one_is_named():
    fast = model(methods.FastSiam, predictor=dense(5, 5))
    fast.compile(keras.optimizers.SGD(0.1))
    views = np.random.default_rng(0).random((3, 4, 5)).astype(np.float32)
    fast.train_on_batch(tuple(views))
    with pytest.raises(ValueError, match="two or more views"):
        fast.train_on_batch((views[0],))
