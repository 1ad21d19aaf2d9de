# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import tensorflow as tf

from cl_keras import estimators


@pytest.mark.parametrize("centre", [0.0, 1000.0, -30_000.0])
def test_gaussian_log_densities_far_from_zero(centre):
    rng = np.random.default_rng(0)
    keys = rng.normal(centre, 0.1, (64, 3)).astype(np.float32)
    critic = estimators.Gaussian(hidden=4, depth=1)
    critic.build((None, 2), (None, 3))
    # The means are the centre, the deviations 0.1, whatever the query is.
    bias = critic.network.weights[-1]
    wanted = 10.0 * np.arctanh(np.log(0.01) / 10.0)
    bias.assign(np.float32([centre] * 3 + [wanted] * 3))
    critic.network.weights[-2].assign(tf.zeros((4, 6)))
    scores = critic(tf.zeros((5, 2)), tf.constant(keys)).numpy()
    z = (keys.astype(np.float64) - centre) / 0.1
    exact = (-0.5 * z**2 - np.log(0.1) - 0.5 * np.log(2 * np.pi)).sum(-1)
    np.testing.assert_allclose(scores, np.tile(exact, (5, 1)), atol=1e-3)


@pytest.mark.parametrize("dtype", [tf.float16, tf.float32])
def test_nwj_is_finite_at_scores_of_ten_thousand(dtype):
    # Known: the positives' mean, less nothing.
    easy = estimators.nwj(
        tf.constant([1e4, 1e4], dtype), tf.constant([-1e4, -1e4], dtype)
    )
    assert float(easy) == pytest.approx(1e4, rel=1e-3)
    scores = tf.constant([[1e4, 1e4], [-1e4, 1e4]], tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(scores)
        value = estimators.nwj(scores)
    gradient = tape.gradient(value, scores).numpy()
    assert np.isfinite(float(value)) and np.isfinite(gradient).all()
    # It can come back: the score of the negative is pushed down.
    assert gradient[0, 1] < 0
