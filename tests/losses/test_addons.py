# SPDX-License-Identifier: Apache-2.0
"""What takes the place of TensorFlow Addons, against its own numbers."""

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from two_replicas import on_two_replicas

from cl_keras import distribute, losses
from cl_keras.augment.blur import blur

GOLDEN = np.load(Path(__file__).parents[1] / "golden" / "addons.npz")
FIRST, SECOND, LABELS = (GOLDEN[name] for name in ("first", "second", "labels"))


def equal(name, loss, *inputs, **tolerance):
    inputs = [tf.constant(x) for x in inputs]
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        # Addons gives the mean.
        value = tf.reduce_mean(loss(*inputs))
    np.testing.assert_allclose(value, np.mean(GOLDEN[name]), rtol=1e-5)
    for place, gradient in enumerate(tape.gradient(value, inputs)):
        wanted = GOLDEN[f"{name}_gradient{place}"]
        np.testing.assert_allclose(gradient, wanted, atol=1e-5)


def test_n_pairs_is_info_nce_of_rows_as_they_are():
    def loss(first, second):
        return losses.info_nce(first, second, 1.0, normalize=False)

    equal("npairs", loss, FIRST, SECOND)


@pytest.mark.parametrize("margin", [0.2, 3.0])
@pytest.mark.parametrize("jit", [False, True])
def test_semi_hard_triplets(margin, jit):
    @tf.function(jit_compile=jit)
    def loss(rows):
        return losses.triplet_semi_hard(rows, LABELS, margin)

    equal(f"triplet_{margin}", loss, FIRST)


def test_lamb_is_keras():
    weights = keras.Variable(GOLDEN["weights"])
    optimizer = keras.optimizers.Lamb(0.1, epsilon=1e-6)
    for gradient in GOLDEN["gradients"]:
        optimizer.apply([tf.constant(gradient)], [weights])
    np.testing.assert_allclose(weights, GOLDEN["lamb"], atol=1e-5)


@pytest.mark.parametrize("sigma", [0.5, 1.5])
def test_blur(sigma):
    images = tf.constant(GOLDEN["images"])
    blurred = blur(images, tf.fill([2], sigma), radius=2)
    np.testing.assert_allclose(blurred, GOLDEN[f"blur_{sigma}"], atol=1e-5)


def test_pairs():
    # The loss of each pair: Addons' gradient is that of their sum.
    def loss(first, second):
        return losses.contrastive_pairs(first, second, GOLDEN["same"], margin=3.0)

    first, second = tf.constant(FIRST), tf.constant(SECOND)
    with tf.GradientTape() as tape:
        tape.watch((first, second))
        values = loss(first, second)
    np.testing.assert_allclose(values, GOLDEN["contrastive"], rtol=1e-5)
    for place, gradient in enumerate(tape.gradient(values, (first, second))):
        wanted = GOLDEN[f"contrastive_gradient{place}"]
        np.testing.assert_allclose(gradient, wanted, atol=1e-5)


def by_hand(rows, labels, margin):
    """Triplets one by one."""
    gaps = np.linalg.norm(rows[:, None] - rows, axis=-1)
    found = []
    for anchor in range(len(rows)):
        others = gaps[anchor][labels != labels[anchor]]
        for positive in range(len(rows)):
            if positive == anchor or labels[positive] != labels[anchor]:
                continue
            gap = gaps[anchor, positive]
            farther = others[others > gap]
            negative = farther.min() if len(farther) else others.max()
            found.append(max(margin + gap - negative, 0.0))
    return np.mean(found)


@pytest.mark.parametrize("seed", range(4))
def test_triplets_are_those_of_the_definition(seed):
    rng = np.random.default_rng(seed)
    rows, labels = rng.normal(size=(12, 3)).astype("f4"), rng.integers(0, 3, 12)
    found = losses.triplet_semi_hard(rows, labels, 0.5)
    assert found.shape == (12,)
    np.testing.assert_allclose(np.mean(found), by_hand(rows, labels, 0.5), rtol=1e-5)


@pytest.mark.parametrize("gradient", [True, False])
def test_triplets_on_two_replicas(gradient, monkeypatch):
    gather = distribute.all_gather
    if not gradient:  # The control: without it, the test must see the difference.
        monkeypatch.setattr(
            distribute, "all_gather", lambda x: tf.stop_gradient(gather(x))
        )

    def slopes(rows, labels):
        with tf.GradientTape() as tape:
            tape.watch(rows)
            loss = losses.triplet_semi_hard(rows, labels, 3.0)
        return loss, tape.gradient(loss, rows)

    found = on_two_replicas(slopes, FIRST, LABELS)
    monkeypatch.undo()
    wanted = slopes(tf.constant(FIRST), tf.constant(LABELS))
    np.testing.assert_allclose(found[0], wanted[0], atol=1e-5)
    assert np.allclose(found[1], wanted[1], atol=1e-5) == gradient


def test_one_label_or_one_of_each_has_no_triplets():
    rows = tf.constant(FIRST)
    for labels in (np.zeros(7, int), np.arange(7)):
        with tf.GradientTape() as tape:
            tape.watch(rows)
            loss = losses.triplet_semi_hard(rows, labels)
        np.testing.assert_array_equal(loss, 0.0)
        np.testing.assert_array_equal(tape.gradient(loss, rows), 0.0)


def test_equal_points_have_a_gradient():
    rows = tf.zeros((4, 2))
    with tf.GradientTape() as tape:
        tape.watch(rows)
        loss = losses.triplet_semi_hard(rows, [0, 0, 1, 1]) + losses.contrastive_pairs(
            rows, rows, [True, False, True, False]
        )
    assert np.isfinite(tape.gradient(loss, rows)).all()


def test_wrong_input_is_named():
    with pytest.raises(ValueError, match="one value a pair"):
        losses.contrastive_pairs(FIRST, SECOND, [True, False])
    with pytest.raises(ValueError, match="margin"):
        losses.triplet_semi_hard(FIRST, LABELS, margin=0.0)
    with pytest.raises(TypeError, match="integers"):
        losses.triplet_semi_hard(FIRST, LABELS.astype("f4"))
