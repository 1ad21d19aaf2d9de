# SPDX-License-Identifier: Apache-2.0
"""MMCR against nuclear norms by eigenvalues, in plain NumPy."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from vectors import dense

from cl_keras import methods


def model(**options):
    return methods.MMCR(dense(5, 4), projector=dense(4, 3), **options)


def views(count, rows=6, width=3):
    """Embeddings of no unit length, one array a view."""
    return np.random.default_rng(0).normal(size=(count, rows, width)).astype("float32")


def outputs(values):
    return {f"embedding{number}": value for number, value in enumerate(values, 1)}


def nuclear(matrix):
    """By the eigenvalues of the smaller product, in float64."""
    tall = matrix.shape[0] > matrix.shape[1]
    product = matrix.T @ matrix if tall else matrix @ matrix.T
    return np.sqrt(np.maximum(np.linalg.eigvalsh(product), 0)).sum()


@pytest.mark.parametrize(("count", "rows"), [(2, 6), (5, 6), (3, 2)])
def test_the_terms_are_those_of_explicit_matrices(count, rows):
    values = views(count, rows)
    losses = model(local_weight=0.5).objective(outputs(values))
    unit = values.astype("float64")
    unit /= np.linalg.norm(unit, axis=-1, keepdims=True)
    means = np.array([unit[:, row].mean(axis=0) for row in range(rows)])
    np.testing.assert_allclose(losses["capacity"], -nuclear(means), rtol=1e-5)
    own = [0.5 * nuclear(unit[:, row]) for row in range(rows)]
    np.testing.assert_allclose(losses["local"], own, rtol=1e-5)


def test_the_gradient_is_that_of_differences():
    values = views(3)
    mmcr = model(local_weight=0.5)

    def loss(array):
        terms = mmcr.objective(outputs(tf.unstack(array)))
        return terms["capacity"] + tf.reduce_mean(terms["local"])

    given = tf.constant(values)
    with tf.GradientTape() as tape:
        tape.watch(given)
        result = loss(given)
    gradient = tape.gradient(result, given).numpy()
    for place in [(0, 0, 0), (1, 3, 2), (2, 5, 1)]:
        step = np.zeros_like(values)
        step[place] = 1e-2
        slope = (loss(values + step) - loss(values - step)) / 2e-2
        assert gradient[place] == pytest.approx(float(slope), abs=2e-3)


def test_it_is_least_where_views_agree_and_examples_do_not():
    axes = np.eye(3, dtype="float32")
    mmcr = model()

    def capacity(*values):
        return float(mmcr.objective(outputs(values))["capacity"])

    assert capacity(axes, axes) == pytest.approx(-3.0, abs=1e-5)
    assert capacity(axes, np.roll(axes, 1, axis=0)) > -3.0 + 0.1
    collapsed = np.ones((3, 3), "float32")
    assert capacity(collapsed, collapsed) == pytest.approx(-np.sqrt(3), abs=1e-5)


@pytest.mark.parametrize("local_weight", [0.0, 0.01])
def test_views_of_no_difference_train(local_weight):
    mmcr = model(local_weight=local_weight)
    mmcr.compile(keras.optimizers.SGD(0.1))
    rows = np.ones((4, 5), "float32")
    logs = mmcr.train_on_batch((rows, rows), return_dict=True)
    assert np.isfinite(logs["loss"])
    assert all(np.isfinite(weight).all() for weight in mmcr.get_weights())


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="local_weight=-1.0"):
        model(local_weight=-1.0)
    with pytest.raises(ValueError, match="at least two examples"):
        model().objective(outputs(views(2, rows=1)))
