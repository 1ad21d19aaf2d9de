# SPDX-License-Identifier: Apache-2.0
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from cl_keras import estimators

BOUNDS = ("jsd", "donsker_varadhan", "nwj", "info_nce", "club")


def gaussians(information, n, dimensions=20, seed=0):
    """Rows x and y of known mutual information, and the log ratio of all pairs."""
    rho = np.sqrt(1 - np.exp(-2 * information / dimensions))
    rng = np.random.default_rng(seed)
    x, noise = rng.normal(size=(2, n, dimensions))
    y = rho * x + np.sqrt(1 - rho**2) * noise
    rest = 1 - rho**2
    # log p(y | x) - log p(y), summed over dimensions.
    squares = (
        (y**2).sum(1) - 2 * rho * x @ y.T + rho**2 * (x**2).sum(1)[:, None]
    ) / rest
    ratio = -0.5 * (dimensions * np.log(rest) + squares - (y**2).sum(1))
    return x, y, ratio.astype(np.float32)


def softplus(x):
    return np.logaddexp(0, x)


def slow(name, positives, negatives):
    """From the list of positives and, for each, the list of its negatives."""
    everyone = np.concatenate(negatives)
    if name == "jsd":
        return -softplus(-positives).mean() - softplus(everyone).mean()
    if name == "donsker_varadhan":
        return positives.mean() - np.log(np.exp(everyone).mean())
    if name == "nwj":
        return positives.mean() - np.exp(everyone - 1).mean()
    if name == "club":
        return positives.mean() - everyone.mean()
    rows = []
    for positive, others in zip(positives, negatives, strict=True):
        candidates = np.append(others, positive)
        rows.append(positive - np.log(np.exp(candidates).mean()))
    return np.mean(rows)


@pytest.mark.parametrize("name", BOUNDS)
@pytest.mark.parametrize("masked", [False, True])
def test_slow_formula(name, masked):
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(6, 8)).astype(np.float32)
    excluded = rng.random((6, 8)) < 0.3 if masked else np.zeros((6, 8), bool)
    negatives = [
        np.array([scores[i, j] for j in range(8) if j != i and not excluded[i, j]])
        for i in range(6)
    ]
    bound = getattr(estimators, name)
    expected = slow(name, np.diag(scores).astype(float), negatives)
    found = bound(scores, excluded=excluded if masked else None)
    assert float(found) == pytest.approx(expected, abs=1e-5)
    # The form that takes positives and negatives apart.
    others = excluded | np.eye(6, 8, dtype=bool)
    apart = bound(np.diag(scores), scores, excluded=others)
    assert float(apart) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(
    ("name", "score", "expected"),
    [
        ("jsd", 0.0, -2 * np.log(2)),
        ("donsker_varadhan", 0.0, 0.0),
        ("donsker_varadhan", 3.0, 0.0),
        ("nwj", 0.0, -np.exp(-1)),
        ("nwj", 1.0, 0.0),
        ("info_nce", 3.0, 0.0),
        ("club", 3.0, 0.0),
    ],
)
def test_a_critic_that_knows_nothing(name, score, expected):
    bound = getattr(estimators, name)
    assert float(bound(tf.fill((7, 7), score))) == pytest.approx(expected, abs=1e-6)


def test_info_nce_of_a_multiple_of_the_identity():
    c, n = 2.5, 9
    expected = np.log(n) - (np.log(np.exp(c) + n - 1) - c)
    assert float(estimators.info_nce(c * tf.eye(n))) == pytest.approx(
        expected, abs=1e-5
    )


def test_info_nce_of_several_positives_a_row():
    rng = np.random.default_rng(0)
    positives, negatives = rng.normal(size=(4, 3)), rng.normal(size=(4, 5))
    expected = np.mean(
        [slow("info_nce", positives[:, k], list(negatives)) for k in range(3)]
    )
    found = estimators.info_nce(positives, negatives)
    assert float(found) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("information", [0.5, 1.0, 2.0])
def test_optimal_critic_gives_the_information(information):
    _, _, ratio = gaussians(information, 2000)
    near = pytest.approx(information, abs=0.15)
    assert float(estimators.donsker_varadhan(ratio)) == near
    assert float(estimators.nwj(ratio + 1)) == near
    assert float(estimators.info_nce(ratio)) == near
    # The divergence that JSD estimates, by its definition on many samples.
    divergence = float(estimators.jsd(ratio)) + 2 * np.log(2)
    assert 0 < divergence < 2 * np.log(2)


@pytest.mark.parametrize("information", [0.5, 2.0, 8.0])
def test_club_is_an_upper_bound(information):
    x, y, _ = gaussians(information, 2000)
    rho2 = 1 - np.exp(-2 * information / 20)
    mean = np.sqrt(rho2) * x
    squares = ((y[None] - mean[:, None]) ** 2).sum(-1)
    scores = -0.5 * squares / (1 - rho2)
    found = float(estimators.club(scores))
    assert found == pytest.approx(20 * rho2 / (1 - rho2), rel=0.05)
    assert found > information


def test_info_nce_saturates_and_the_variance_of_dv_grows():
    values = {}
    for information in (0.5, 2.0, 8.0):
        ratios = [gaussians(information, 64, seed=s)[2] for s in range(30)]
        for name in ("info_nce", "donsker_varadhan"):
            bound = getattr(estimators, name)
            found = np.array([float(bound(ratio)) for ratio in ratios])
            values[name, information] = found
    saturated = values["info_nce", 8.0]
    assert saturated.max() <= np.log(64)
    assert np.log(64) - 0.5 < saturated.mean() < np.log(64)
    spread = [values["donsker_varadhan", i].std() for i in (0.5, 2.0, 8.0)]
    assert spread[0] < spread[1] < spread[2]
    assert values["info_nce", 8.0].std() < spread[2] / 3


def test_mine_corrects_the_gradient_and_nothing_else():
    rng = np.random.default_rng(0)
    scores = tf.constant(rng.normal(size=(5, 5)).astype(np.float32))

    def gradient(function):
        with tf.GradientTape() as tape:
            tape.watch(scores)
            value = function(scores)
        return float(value), tape.gradient(value, scores).numpy()

    plain_value, plain = gradient(estimators.donsker_varadhan)
    value, first = gradient(lambda s: estimators.mine(s, log_mean=-np.inf)[0])
    assert value == pytest.approx(plain_value, abs=1e-6)
    np.testing.assert_allclose(first, plain, atol=1e-6)
    value, now = gradient(lambda s: estimators.mine(s, log_mean=9.0, decay=0.0)[0])
    np.testing.assert_allclose(now, plain, atol=1e-6)
    # Against a running mean: exp(T_ij) / count / mean, by definition.
    others = ~np.eye(5, dtype=bool)
    exp = np.exp(scores.numpy())
    mean = 0.9 * np.exp(2.0) + 0.1 * exp[others].mean()
    expected = np.where(others, -exp / others.sum() / mean, 1 / 5)
    value, corrected = gradient(
        lambda s: estimators.mine(s, log_mean=2.0, decay=0.9)[0]
    )
    np.testing.assert_allclose(corrected, expected, rtol=1e-4)
    assert value == pytest.approx(plain_value, abs=1e-6)
    _, log_mean = estimators.mine(scores, log_mean=2.0, decay=0.9)
    assert float(log_mean) == pytest.approx(np.log(mean), abs=1e-5)


def test_mine_layer_keeps_its_mean(tmp_path):
    scores = tf.constant(np.random.default_rng(0).normal(size=(5, 5)), tf.float32)
    layer = estimators.MINE(decay=0.5)
    assert float(layer(scores)) == pytest.approx(
        float(estimators.donsker_varadhan(scores)), abs=1e-6
    )
    assert np.isneginf(float(layer.log_mean))
    layer(scores, training=True)
    first = float(layer.log_mean)
    layer(scores + 2.0, training=True)
    expected = np.log(0.5 * np.exp(first) + 0.5 * np.exp(first + 2.0))
    assert float(layer.log_mean) == pytest.approx(expected, abs=1e-5)
    again = estimators.MINE.from_config(layer.get_config())
    assert again.decay == 0.5


@pytest.mark.parametrize("name", BOUNDS)
@pytest.mark.parametrize("dtype", [tf.float16, tf.bfloat16, tf.float32])
def test_large_scores_stay_finite(name, dtype):
    scores = tf.cast(300.0 * np.random.default_rng(0).normal(size=(6, 6)), dtype)
    with tf.GradientTape() as tape:
        tape.watch(scores)
        value = getattr(estimators, name)(scores)
    gradient = tape.gradient(value, scores)
    assert value.dtype == tf.float32 and np.isfinite(float(value))
    if not (name == "nwj" and dtype == tf.float16):  # Its own gradient is beyond.
        assert np.isfinite(tf.cast(gradient, tf.float32)).all()


@pytest.mark.parametrize("name", BOUNDS)
def test_excluded_pairs_have_no_gradient(name):
    scores = tf.constant(np.random.default_rng(0).normal(size=(4, 4)), tf.float32)
    excluded = tf.constant(np.eye(4, k=1, dtype=bool))
    with tf.GradientTape() as tape:
        tape.watch(scores)
        value = getattr(estimators, name)(scores, excluded=excluded)
    gradient = tape.gradient(value, scores).numpy()
    assert (gradient[excluded.numpy()] == 0).all()
    assert (gradient[~excluded.numpy()] != 0).all()


@pytest.mark.parametrize(
    ("arguments", "excluded", "message"),
    [
        ([np.zeros((2, 3, 4))], None, "queries, keys"),
        ([np.zeros((1, 1))], None, "at least two keys"),
        ([np.zeros((4, 3))], None, "a key for each query"),
        ([np.zeros((0, 3))], None, "a key for each query"),
        ([np.zeros((4, 4))], np.zeros((4, 3), bool), "one value a negative"),
        ([np.zeros(4), np.zeros((4, 0))], None, "at least one"),
    ],
)
def test_wrong_scores_are_named(arguments, excluded, message):
    for name in BOUNDS:
        with pytest.raises(ValueError, match=message):
            getattr(estimators, name)(*arguments, excluded=excluded)


@pytest.mark.slow
@pytest.mark.parametrize("name", BOUNDS)
def test_a_batch_of_one_of_open_size_is_named(name):
    scores = tf.TensorSpec([None, None], tf.float32)
    bound = tf.function(getattr(estimators, name), input_signature=[scores])
    with pytest.raises(tf.errors.InvalidArgumentError, match="at least one positive"):
        bound(tf.ones((1, 1)))
    assert np.isfinite(bound(tf.ones((2, 2))))


def test_nwj_is_right_to_the_end_of_float32_and_finite_beyond():
    for score in (50.0, 81.0, 86.0, 89.0):
        found = estimators.nwj(tf.fill((3, 3), score))
        assert float(found) == pytest.approx(score - np.exp(score - 1.0), rel=1e-4)
    scores = tf.Variable(tf.fill((3, 3), 1e4))
    with tf.GradientTape() as tape:
        value = estimators.nwj(scores)
    assert np.isfinite(value) and value < -3e38
    slopes = tape.gradient(value, scores).numpy()
    assert np.isfinite(slopes).all() and (slopes[~np.eye(3, dtype=bool)] < 0).all()


def test_wrong_settings_are_named():
    with pytest.raises(ValueError, match="decay=1"):
        estimators.MINE(decay=1.0)
    with pytest.raises(ValueError, match="of that row"):
        estimators.info_nce(np.zeros(4), np.zeros(4))


def run(replicas, *options):
    script = Path(__file__).with_name("replicas_bounds.py")
    result = subprocess.run(
        [sys.executable, script, str(replicas), *options],
        check=True,
        capture_output=True,
        text=True,
    )
    return json.loads(result.stdout.splitlines()[-1])


@pytest.mark.slow
def test_replicas_see_all_pairs():
    one, two, broken = run(1), run(2), run(2, "--stop-gradient")
    assert len(one) == 12
    for case, expected in one.items():
        for value in two[case]["value"]:
            assert value == pytest.approx(expected["value"][0], abs=1e-5), case
        for part in ("by_kernel", "by_keys"):
            wanted = np.array(expected[part])
            assert np.abs(wanted).max() > 1e-3
            np.testing.assert_allclose(two[case][part], wanted, atol=1e-5)
            assert np.abs(broken[case][part] - wanted).max() > 1e-4
