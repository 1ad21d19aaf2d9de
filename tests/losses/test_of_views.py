# SPDX-License-Identifier: Apache-2.0
"""DCL, Barlow Twins, VICReg and CCA-SSG against lightly's arrays and slow NumPy."""

import numpy as np
import pytest
import tensorflow as tf
from vectors import GOLDEN

from cl_keras import losses


def barlow_twins(view1, view2):
    invariance, redundancy = losses.barlow_twins(view1, view2)
    return invariance + 0.005 * redundancy


def vicreg(view1, view2):
    invariance, variance, covariance = losses.vicreg(view1, view2)
    return 25 * tf.reduce_mean(invariance) + 25 * variance + covariance


def dcl(view1, view2, **options):
    return tf.reduce_mean(losses.dcl(view1, view2, 0.1, **options))


LOSSES = {
    "barlow_twins": barlow_twins,
    "vicreg": vicreg,
    "dcl": lambda *views: dcl(*views, block_size=4),
    "dclw": lambda *views: dcl(*views, sigma=0.5),
}


@pytest.mark.parametrize("jit", [False, True])
@pytest.mark.parametrize("size", ["tall", "wide"])
@pytest.mark.parametrize("name", LOSSES)
def test_equals_lightly(name, size, jit):
    views = tuple(tf.constant(GOLDEN[f"{size}_view{i}"]) for i in (1, 2))

    @tf.function(jit_compile=jit)
    def run(*views):
        with tf.GradientTape() as tape:
            tape.watch(views)
            loss = LOSSES[name](*views)
        return loss, tape.gradient(loss, views)

    loss, gradients = run(*views)
    np.testing.assert_allclose(loss, GOLDEN[f"{size}_{name}"], rtol=1e-4)
    for number, gradient in enumerate(gradients, start=1):
        wanted = GOLDEN[f"{size}_{name}_gradient{number}"]
        np.testing.assert_allclose(gradient, wanted, rtol=1e-3, atol=1e-4)


def test_opposite_uncorrelated_views():
    # Correlations of -1 with oneself and 0 with others: 4 a dimension.
    views = tf.constant(np.linalg.qr(np.random.default_rng(0).normal(size=(9, 4)))[0])
    views -= tf.reduce_mean(views, axis=0)
    whitened = np.linalg.qr(views)[0].astype(np.float32) * 3
    invariance, redundancy = losses.barlow_twins(whitened, -whitened)
    assert float(invariance) == pytest.approx(16, rel=1e-3)
    assert float(redundancy) == pytest.approx(0, abs=1e-4)


def test_cca_ssg_by_slow_loops():
    views = np.random.default_rng(0).normal(size=(2, 9, 4)) * [1, 2, 3, 4] + 5
    invariance, decorrelation = losses.cca_ssg(*views)
    scaled = (views - views.mean(1, keepdims=True)) / views.std(1, ddof=1)[:, None]
    agreed = sum(scaled[0, :, i] @ scaled[1, :, i] / 9 for i in range(4))
    assert float(invariance) == pytest.approx(-agreed, rel=1e-5)
    apart = 0.0
    for view in scaled:
        for i in range(4):
            for j in range(4):
                apart += ((i == j) - view[:, i] @ view[:, j] / 9) ** 2
    assert float(decorrelation) == pytest.approx(apart, rel=1e-4)


def test_cca_ssg_of_the_same_uncorrelated_views():
    # A full factorial design: correlations are (n - 1) / n with oneself, else 0.
    signs = np.array(np.meshgrid(*[[-1.0, 1.0]] * 4)).reshape(4, 16).T
    invariance, decorrelation = losses.cca_ssg(signs, signs)
    assert float(invariance) == pytest.approx(-4 * 15 / 16)
    assert float(decorrelation) == pytest.approx(2 * 4 / 16**2, rel=1e-3)


def test_cca_ssg_of_constant_dimensions():
    views = tf.constant(np.random.default_rng(0).normal(size=(9, 4)) * [1, 1, 1, 0])
    with tf.GradientTape() as tape:
        tape.watch(views)
        loss = tf.add_n(losses.cca_ssg(views, views))
    # The constant one is uncorrelated even with itself, in both views.
    wanted = tf.add_n(losses.cca_ssg(views[:, :3], views[:, :3])) + 2.0
    assert float(loss) == pytest.approx(float(wanted), rel=1e-5)
    assert np.isfinite(tape.gradient(loss, views)).all()


def test_what_has_collapsed_costs_its_variance():
    same = tf.ones((6, 3))
    invariance, variance, covariance = losses.vicreg(same, same)
    assert float(variance) == pytest.approx(1 - 1e-2)
    assert not np.any(invariance) and float(covariance) == 0


def test_dcl_leaves_the_positive_out():
    # All alike: each view has 2 (B - 1) others, of cosine 1 as the positive.
    same = tf.ones((5, 3))
    np.testing.assert_allclose(losses.dcl(same, same, 0.1), np.log(8), rtol=1e-5)


@pytest.mark.parametrize(
    "loss", [losses.barlow_twins, losses.vicreg, losses.cca_ssg, losses.dcl]
)
def test_half_precision_is_computed_in_float32(loss):
    views = np.random.default_rng(0).normal(size=(2, 8, 4)).astype(np.float16)
    half, single = (loss(*views.astype(kind)) for kind in (np.float16, np.float32))
    for one, other in zip(tf.nest.flatten(half), tf.nest.flatten(single), strict=True):
        assert one.dtype == tf.float32
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize(
    "loss", [losses.barlow_twins, losses.vicreg, losses.cca_ssg, losses.dcl]
)
def test_bad_input_is_named(loss):
    with pytest.raises(ValueError, match="at least two examples.* of 1"):
        loss(tf.ones((1, 3)), tf.ones((1, 3)))
    with pytest.raises(ValueError, match=r"\(4, 3\) and \(4, 2\)"):
        loss(tf.ones((4, 3)), tf.ones((4, 2)))
    with pytest.raises(ValueError, match="must have shape"):
        loss(tf.ones(4), tf.ones(4))


def test_sigma_must_be_positive():
    with pytest.raises(ValueError, match="sigma=0"):
        losses.dcl(tf.eye(3), tf.eye(3), sigma=0)
