# SPDX-License-Identifier: Apache-2.0
import keras
import numpy as np
import pytest
import tensorflow as tf

from cl_keras import estimators

CRITICS = [
    estimators.Bilinear(),
    estimators.Separable(width=4, hidden=8),
    estimators.Concat(hidden=8, depth=3),
    estimators.Gaussian(hidden=8, depth=1),
]


def rows(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("critic", CRITICS, ids=lambda c: type(c).__name__)
def test_scores_of_pairs_are_those_of_single_rows(critic):
    critic = type(critic).from_config(critic.get_config())
    queries, keys = rows(5, 3), rows(7, 4, seed=1)
    scores = critic(queries, keys).numpy()
    assert scores.shape == (5, 7)
    for i, j in ((0, 0), (4, 6), (2, 5)):
        single = float(critic(queries[i : i + 1], keys[j : j + 1])[0, 0])
        assert scores[i, j] == pytest.approx(single, abs=1e-4)


@pytest.mark.parametrize("critic", CRITICS, ids=lambda c: type(c).__name__)
def test_saved_critics_score_alike(critic, tmp_path):
    critic = type(critic).from_config(critic.get_config())
    x, y = keras.Input((3,)), keras.Input((4,))
    model = keras.Model([x, y], critic(x, y))
    model.save(tmp_path / "critic.keras")
    again = keras.saving.load_model(tmp_path / "critic.keras", safe_mode=True)
    inputs = [rows(5, 3), rows(7, 4)]
    np.testing.assert_array_equal(model(inputs), again(inputs))
    assert len(model.trainable_variables) == len(critic.trainable_variables) > 0


def test_bilinear():
    critic = estimators.Bilinear()
    queries, keys = rows(5, 3), rows(7, 4, seed=1)
    scores = critic(queries, keys)
    expected = np.einsum("id,de,je->ij", queries, critic.kernel.numpy(), keys)
    np.testing.assert_allclose(scores, expected, atol=1e-5)
    assert not estimators.Bilinear("zeros")(queries, keys).numpy().any()


def test_concat_is_a_network_of_concatenated_rows():
    critic = estimators.Concat(hidden=8, depth=2)
    queries, keys = rows(5, 3), rows(7, 4, seed=1)
    scores = critic(queries, keys)
    first = np.concatenate([critic.query_layer.kernel, critic.key_layer.kernel])
    pair = np.concatenate([queries[2], keys[6]])
    x = np.maximum(pair @ first + critic.query_layer.bias, 0)
    dense, last = critic.rest.layers
    x = np.maximum(x @ dense.kernel + dense.bias, 0)
    expected = x @ last.kernel + last.bias
    assert float(scores[2, 6]) == pytest.approx(expected[0], abs=1e-5)


def test_concat_pairs_by_broadcasting():
    critic = estimators.Concat(hidden=8)
    queries, maps = rows(5, 3), rows(5, 2, 6, 4, seed=1)
    scores = critic(queries[:, None, None], maps)
    assert scores.shape == (5, 2, 6)
    single = critic(queries[3:4], maps[3, 1, 5:6])
    assert float(scores[3, 1, 5]) == pytest.approx(float(single[0, 0]), abs=1e-5)


def test_gaussian_is_a_log_density():
    critic = estimators.Gaussian(hidden=8)
    queries, keys = rows(5, 3), rows(7, 4, seed=1)
    scores = critic(queries, keys)
    mean, log_variance = np.split(critic.network(queries).numpy(), 2, axis=-1)
    scale = np.exp(0.5 * 10 * np.tanh(log_variance / 10))
    z = (keys[None] - mean[:, None]) / scale[:, None]
    expected = (-0.5 * z**2 - np.log(scale)[:, None] - 0.5 * np.log(2 * np.pi)).sum(-1)
    np.testing.assert_allclose(scores, expected, atol=1e-4)


@pytest.mark.slow
def test_a_trained_critic_finds_the_information():
    rho, size = 0.9, 256
    expected = -0.5 * 2 * np.log(1 - rho**2)
    critic = estimators.Separable(width=16, hidden=64)
    critic.build((None, 2), (None, 2))
    optimizer = keras.optimizers.Adam(3e-3)
    optimizer.build(critic.trainable_variables)
    rng = np.random.default_rng(0)

    @tf.function
    def step(x, y):
        with tf.GradientTape() as tape:
            loss = -estimators.info_nce(critic(x, y))
        gradients = tape.gradient(loss, critic.trainable_variables)
        optimizer.apply(gradients, critic.trainable_variables)
        return -loss

    found = []
    for _ in range(300):
        x, noise = rng.normal(size=(2, size, 2)).astype(np.float32)
        y = (rho * x + np.sqrt(1 - rho**2) * noise).astype(np.float32)
        found.append(float(step(tf.constant(x), tf.constant(y))))
    assert np.mean(found[-50:]) == pytest.approx(expected, abs=0.2)


@pytest.mark.parametrize("centre", [0.0, 1000.0])
def test_gaussian_far_from_zero(centre):
    # Half of the keys lie elsewhere: one shift does not bring all near zero.
    keys = centre + rows(32, 4, seed=1) * 0.1
    keys[::2] -= 0.5 * centre
    critic = estimators.Gaussian(hidden=8)
    critic(queries := rows(16, 3), keys)
    last = critic.network.layers[-1]
    last.kernel.assign(last.kernel * 0.01)
    last.bias.assign([centre] * 4 + [2 * np.log(0.1)] * 4)
    mean, log_variance = np.split(critic.network(queries).numpy().astype(float), 2, 1)
    log_variance = 10 * np.tanh(log_variance / 10)[:, None]
    squares = (keys[None].astype(float) - mean[:, None]) ** 2 / np.exp(log_variance)
    expected = -0.5 * (squares + log_variance + np.log(2 * np.pi)).sum(-1)
    np.testing.assert_allclose(critic(queries, keys), expected, rtol=1e-5, atol=1e-4)


def test_dot_map_critic():
    identity = keras.Sequential([keras.Input((4,)), keras.layers.Identity()])
    critic = estimators.DotMapCritic(identity, identity)
    codes, maps = rows(3, 4), rows(3, 5, 4, seed=1)
    positives, negatives, excluded = critic(codes, maps)
    scores = np.einsum("id,jld->ijl", codes, maps)
    for i in range(3):
        np.testing.assert_allclose(positives[i], scores[i, i], rtol=1e-5)
        others = np.delete(scores[i], i, axis=0).ravel()
        kept = negatives.numpy()[i][~excluded.numpy()[i]]
        np.testing.assert_allclose(kept, others, rtol=1e-5)
    again = estimators.DotMapCritic.from_config(critic.get_config())
    np.testing.assert_array_equal(again(codes, maps)[1], negatives)


def test_concat_map_critic():
    critic = estimators.ConcatMapCritic(hidden=8, negatives=2)
    codes, maps = rows(4, 3), rows(4, 5, 6, seed=1)
    positives, negatives, excluded = critic(codes, maps)
    plain = estimators.Concat(hidden=8)
    plain.build((None, 3), (None, 6))
    plain.set_weights(critic.get_weights())
    for i in range(4):
        own = plain(codes[i : i + 1], maps[i])[0]
        np.testing.assert_allclose(positives[i], own, atol=1e-5)
        others = [plain(codes[i : i + 1], maps[(i + k) % 4])[0] for k in (1, 2)]
        np.testing.assert_allclose(negatives[i], np.concatenate(others), atol=1e-5)
    assert not excluded.numpy().any()
    # In a batch of two, the second one that follows is the image itself.
    _, _, excluded = critic(codes[:2], maps[:2])
    np.testing.assert_array_equal(excluded, [[False] * 5 + [True] * 5] * 2)


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        (estimators.Separable, {"width": 0}, "width=0"),
        (estimators.Concat, {"depth": 0}, "depth=0"),
        (estimators.Gaussian, {"hidden": -1}, "hidden=-1"),
        (estimators.ConcatMapCritic, {"negatives": 0}, "negatives=0"),
    ],
)
def test_wrong_sizes_are_named(kind, options, message):
    with pytest.raises(ValueError, match=message):
        kind(**options)
