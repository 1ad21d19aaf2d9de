# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from cl_keras import losses

GOLDEN = np.load(Path(__file__).parents[1] / "golden" / "nt_xent.npz")


def slow_nt_xent(view1, view2, temperature):
    """Equation 1 of the paper, row by row, in float64."""
    z = np.concatenate([view1, view2]).astype(np.float64)
    z /= np.linalg.norm(z, axis=1, keepdims=True)
    b = len(view1)
    rows = np.empty(2 * b)
    for i in range(2 * b):
        s = z @ z[i] / temperature
        others = np.delete(s, i)
        top = others.max()
        rows[i] = top + np.log(np.exp(others - top).sum()) - s[(i + b) % (2 * b)]
    return (rows[:b] + rows[b:]) / 2


def value_and_gradients(fn, view1, view2, jit=False):
    weights = tf.range(1.0, len(view1) + 1)

    @tf.function(jit_compile=jit)
    def run(view1, view2):
        with tf.GradientTape() as tape:
            tape.watch((view1, view2))
            value = fn(view1, view2)
            # Unequal upstream gradients: the mean alone would hide a mix-up.
            total = tf.reduce_sum(value * weights)
        return value, *tape.gradient(total, (view1, view2))

    return [np.asarray(x) for x in run(tf.constant(view1), tf.constant(view2))]


def plain_nt_xent(view1, view2, temperature):
    """The formula with its whole matrix, for the gradients."""
    z = tf.math.l2_normalize(tf.concat([view1, view2], 0), -1)
    n, b = tf.shape(z)[0], tf.shape(view1)[0]
    logits = tf.matmul(z, z, transpose_b=True) / temperature
    logits = tf.linalg.set_diag(logits, tf.fill([n], -np.inf))
    labels = tf.concat([tf.range(b) + b, tf.range(b)], 0)
    rows = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
    return (rows[:b] + rows[b:]) / 2


def views(batch, width=16, seed=0):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((2, batch, width)).astype(np.float32)


@pytest.mark.parametrize("batch", [2, 3, 8, 33])
@pytest.mark.parametrize("temperature", [0.01, 0.1, 1.0])
def test_equals_slow_formula(batch, temperature):
    view1, view2 = views(batch)
    value = losses.nt_xent(view1, view2, temperature)
    assert value.shape == (batch,) and value.dtype == tf.float32
    np.testing.assert_allclose(
        value, slow_nt_xent(view1, view2, temperature), rtol=1e-5, atol=1e-5
    )


@pytest.mark.slow
@pytest.mark.parametrize("jit", [False, True])
@pytest.mark.parametrize("block", [4, 5, 16, 1024])
@pytest.mark.parametrize("as_tensor", [False, True])
def test_blocks_change_nothing(block, jit, as_tensor):
    # A tensor temperature takes the path for products of any size.
    temperature = tf.constant(0.2) if as_tensor else 0.2
    view1, view2 = views(13)
    found = value_and_gradients(
        lambda a, b: losses.nt_xent(a, b, temperature, block_size=block),
        view1,
        view2,
        jit,
    )
    wanted = value_and_gradients(lambda a, b: plain_nt_xent(a, b, 0.2), view1, view2)
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


@pytest.mark.parametrize("case", ["even", "odd", "cold"])
def test_equals_lightly(case):
    view1, view2 = (tf.constant(GOLDEN[f"{case}_view{i}"]) for i in (1, 2))
    with tf.GradientTape() as tape:
        tape.watch((view1, view2))
        loss = tf.reduce_mean(
            losses.nt_xent(
                view1, view2, float(GOLDEN[f"{case}_temperature"]), block_size=8
            )
        )
    np.testing.assert_allclose(loss, GOLDEN[f"{case}_loss"], rtol=1e-5)
    for i, gradient in enumerate(tape.gradient(loss, (view1, view2)), start=1):
        np.testing.assert_allclose(gradient, GOLDEN[f"{case}_gradient{i}"], atol=1e-5)


def test_closed_form_of_orthonormal_rows():
    # Each row meets its twin (cosine 1) and 2B - 2 strangers (cosine 0).
    wanted = np.log(np.exp(2.0) + 6) - 2.0
    np.testing.assert_allclose(losses.nt_xent(tf.eye(4), tf.eye(4), 0.5), wanted, 1e-6)


def test_views_may_be_swapped():
    view1, view2 = views(9)
    np.testing.assert_allclose(
        losses.nt_xent(view1, view2), losses.nt_xent(view2, view1), rtol=1e-6
    )


@pytest.mark.parametrize("dtype", [tf.float16, tf.bfloat16])
def test_half_precision_inputs_are_computed_in_float32(dtype):
    view1, view2 = (tf.cast(v, dtype) for v in views(8))
    value = losses.nt_xent(view1, view2, 0.05)
    exact = slow_nt_xent(
        tf.cast(view1, tf.float32).numpy(), tf.cast(view2, tf.float32).numpy(), 0.05
    )
    assert value.dtype == tf.float32
    np.testing.assert_allclose(value, exact, rtol=1e-5)


def test_temperature_is_trainable():
    view1, view2 = views(8)
    temperature = tf.Variable(0.3)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(losses.nt_xent(view1, view2, temperature))
    step = 1e-4
    slope = sum(
        sign * slow_nt_xent(view1, view2, 0.3 + sign * step).sum() for sign in (1, -1)
    )
    np.testing.assert_allclose(
        tape.gradient(loss, temperature), slope / (2 * step), rtol=1e-3
    )


def test_open_batch_dimension():
    fn = tf.function(
        lambda a, b: losses.nt_xent(a, b, block_size=4),
        input_signature=[tf.TensorSpec([None, 16])] * 2,
    )
    for batch in (5, 8):
        view1, view2 = views(batch)
        np.testing.assert_allclose(
            fn(view1, view2), slow_nt_xent(view1, view2, 0.1), rtol=1e-5
        )


def test_keras_loss_averages_and_round_trips():
    view1, view2 = views(8)
    loss = losses.NTXent(temperature=0.3, block_size=4)
    again = keras.losses.deserialize(keras.losses.serialize(loss))
    assert (again.temperature, again.block_size) == (0.3, 4)
    wanted = slow_nt_xent(view1, view2, 0.3).mean()
    np.testing.assert_allclose(loss(view1, view2), wanted, rtol=1e-5)
    np.testing.assert_allclose(again(view1, view2), wanted, rtol=1e-5)


@pytest.mark.parametrize(
    ("view1", "view2", "temperature", "message"),
    [
        (np.ones((1, 4)), np.ones((1, 4)), 0.1, "at least two examples"),
        (np.ones((0, 4)), np.ones((0, 4)), 0.1, "at least two examples"),
        (np.ones((4, 4)), np.ones((4, 5)), 0.1, "same shape"),
        (np.ones((4, 4, 1)), np.ones((4, 4, 1)), 0.1, "batch, features"),
        (np.ones((4, 4)), np.ones((4, 4)), 0.0, "positive"),
    ],
)
def test_bad_input_is_named(view1, view2, temperature, message):
    with pytest.raises(ValueError, match=message):
        losses.nt_xent(view1.astype(np.float32), view2.astype(np.float32), temperature)
