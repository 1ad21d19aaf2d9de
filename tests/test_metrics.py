# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import tensorflow as tf

from cl_keras import metrics as rep

SHAPES = [(96, 16), (16, 96)]


def draw(shape, seed=0):
    return np.random.default_rng(seed).normal(0.3, 1.0, shape).astype(np.float32)


def unit(z):
    return z / np.linalg.norm(z, axis=1, keepdims=True)


def slow_uniformity(z):
    z = unit(z.astype(np.float64))
    pairs = [(i, j) for i in range(len(z)) for j in range(i)]
    return np.log(np.mean([np.exp(-2 * np.sum((z[i] - z[j]) ** 2)) for i, j in pairs]))


def slow_rank(z):
    s = np.linalg.svd(z.astype(np.float64), compute_uv=False)
    p = s / s.sum() + 1e-7
    return np.exp(-np.sum(p * np.log(p)))


@pytest.mark.slow
@pytest.mark.parametrize("jit", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
def test_equals_slow_numpy(shape, jit):
    @tf.function(jit_compile=jit)
    def traced(a, b):
        return (
            rep.embedding_std(a),
            rep.alignment(a, b),
            rep.uniformity(a),
            rep.rank_me(a),
        )

    a, b = draw(shape), draw(shape, 1)
    distances = np.sum((unit(a) - unit(b)) ** 2, axis=1)
    expected = (
        unit(a).std(axis=0).mean(),
        distances.mean(),
        slow_uniformity(a),
        slow_rank(a),
    )
    np.testing.assert_allclose(traced(a, b), expected, rtol=2e-4)


def test_open_batch_dimension():
    z = draw((16, 96))
    traced = tf.function(
        rep.rank_me, input_signature=[tf.TensorSpec((None, 96), tf.float32)]
    )
    np.testing.assert_allclose(traced(z), slow_rank(z), rtol=1e-3)


def test_collapsed_representation():
    z = tf.ones((32, 8))
    assert rep.embedding_std(z) < 1e-6
    assert abs(rep.uniformity(z)) < 1e-5
    assert abs(rep.rank_me(z) - 1.0) < 1e-5
    assert rep.alignment(z, z) == 0


def test_identity():
    z = tf.eye(8)
    np.testing.assert_allclose(rep.rank_me(z), 8.0, rtol=1e-5)
    np.testing.assert_allclose(rep.uniformity(z), -4.0, rtol=1e-5)
    # Each dimension is 1 once and 0 otherwise: variance p (1 - p) with p = 1/8.
    np.testing.assert_allclose(rep.embedding_std(z), np.sqrt(7) / 8, rtol=1e-5)


def test_healthy_std_is_one_over_root_of_dimensions():
    z = np.random.default_rng(0).normal(size=(4096, 64))
    np.testing.assert_allclose(rep.embedding_std(z), 1 / np.sqrt(64), rtol=0.02)


@pytest.mark.parametrize("rank", [1, 3])
def test_rounding_noise_does_not_count_as_rank(rank):
    z = draw((512, rank)) @ draw((rank, 128), 1)
    np.testing.assert_allclose(rep.rank_me(z), slow_rank(z), rtol=2e-3)


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_rank_has_no_scale(scale):
    z = draw((64, 16))
    np.testing.assert_allclose(rep.rank_me(z * scale), slow_rank(z), rtol=1e-4)


def test_bfloat16_is_computed_in_float32():
    z = tf.cast(draw((64, 16)), tf.bfloat16)
    same = tf.cast(z, tf.float32)
    for measure in (rep.embedding_std, rep.uniformity, rep.rank_me):
        assert measure(z).dtype == tf.float32
        assert measure(z) == measure(same)


def test_what_is_not_defined_is_nan_not_a_crash():
    assert np.isnan(rep.rank_me(np.full((4, 3), np.nan, np.float32)))
    assert np.isnan(rep.uniformity(np.ones((1, 3), np.float32)))
    assert rep.rank_me(np.zeros((4, 3), np.float32)) == 1


def test_inside_a_mirrored_step():
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    z = tf.constant(draw((32, 8)))

    @tf.function
    def step():
        return strategy.run(lambda: (rep.rank_me(z), rep.uniformity(z)))

    ranks, uniformities = step()
    np.testing.assert_allclose(ranks.values[1], slow_rank(z.numpy()), rtol=1e-4)
    np.testing.assert_allclose(
        uniformities.values[0], slow_uniformity(z.numpy()), rtol=1e-4
    )
