# SPDX-License-Identifier: Apache-2.0
import json
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from cl_keras import optimizers

RATES = (0.5, 0.2, 0.1)


@keras.saving.register_keras_serializable(package="test_lars")
class Steps(keras.optimizers.schedules.LearningRateSchedule):
    """Another rate in each step: where the orders of momentum differ."""

    def __call__(self, step):
        return tf.gather(tf.constant(RATES), tf.minimum(tf.cast(step, tf.int32), 2))

    def get_config(self):
        return {}


def variables(dtype="float32"):
    rng = np.random.default_rng(0)
    layer = keras.layers.Dense(3, name="dense", dtype=dtype)
    layer.build((None, 4))
    layer.kernel.assign(rng.normal(size=(4, 3)))
    layer.bias.assign(rng.normal(size=3))
    return [layer.kernel, layer.bias]


def gradients(count=3):
    rng = np.random.default_rng(1)
    return [
        [rng.normal(size=shape).astype("float32") for shape in ((4, 3), (3,))]
        for _ in range(count)
    ]


def run(optimizer, steps=3):
    weights = variables()
    for pair in gradients(steps):
        optimizer.apply([tf.constant(g) for g in pair], weights)
    return [w.numpy() for w in weights]


def by_hand(order, nesterov, decayed=(True, False), adapted=(True, False)):
    found = []
    for place, weight in enumerate(variables()):
        w = weight.numpy().astype("float64")
        v = np.zeros_like(w)
        for rate, pair in zip(RATES, gradients(), strict=True):
            g = pair[place].astype("float64")
            if decayed[place]:
                g = g + 0.1 * w
            if adapted[place]:
                g = g * 0.02 * np.linalg.norm(w) / np.linalg.norm(g)
            scaled = rate * g if order == "rate_first" else g
            v = 0.9 * v + scaled
            step = 0.9 * v + scaled if nesterov else v
            w = w - (step if order == "rate_first" else rate * step)
        found.append(w)
    return found


def lars(**options):
    options = {"weight_decay": 0.1, "trust_coefficient": 0.02} | options
    return optimizers.LARS(Steps(), **options)


def copied(optimizer):
    saved = keras.saving.serialize_keras_object(optimizer)
    return keras.saving.deserialize_keras_object(json.loads(json.dumps(saved)))


@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize("order", ["rate_first", "rate_last"])
def test_three_steps_by_hand(order, nesterov):
    found = run(copied(lars(momentum_order=order, nesterov=nesterov)))
    for value, expected in zip(found, by_hand(order, nesterov), strict=True):
        np.testing.assert_allclose(value, expected, rtol=1e-5, atol=1e-6)


def test_the_orders_differ_where_the_rate_changes():
    one, other = (run(lars(momentum_order=x)) for x in ("rate_first", "rate_last"))
    assert np.abs(one[1] - other[1]).max() > 1e-2


@pytest.mark.parametrize("make", [lambda x: x, copied], ids=["made", "loaded"])
@pytest.mark.parametrize(
    ("exclusions", "decayed", "adapted"),
    [
        ({"exclude": ()}, (True, True), (True, True)),
        ({"exclude": "dense/"}, (False, False), (False, False)),
        (
            {"exclude": ["^dense/k"], "exclude_from_adaptation": ["bias"]},
            (False, True),
            (True, False),
        ),
        ({"exclude_from_adaptation": ()}, (True, False), (True, True)),
    ],
)
def test_exclusions_are_two_choices(make, exclusions, decayed, adapted):
    found = run(make(lars(**exclusions)))
    expected = by_hand("rate_first", False, decayed, adapted)
    for value, wanted in zip(found, expected, strict=True):
        np.testing.assert_allclose(value, wanted, rtol=1e-5, atol=1e-6)


def test_default_exclusions_are_biases_and_normalisation():
    model = keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            # A name alone excludes nothing.
            keras.layers.Conv2D(4, 3, name="unbiased_beta"),
            keras.layers.BatchNormalization(),
            keras.layers.LayerNormalization(),
            keras.layers.RMSNormalization(),
        ]
    )
    optimizer = optimizers.LARS()
    optimizer.build(model.trainable_variables)
    assert optimizer._decayed == optimizer._adapted == [True] + [False] * 6


def test_excluded_variables_follow_sgd():
    def train(optimizer):
        return run(optimizer)[1]

    np.testing.assert_allclose(
        train(optimizers.LARS(0.1, weight_decay=0.5)),
        train(keras.optimizers.SGD(0.1, momentum=0.9)),
        rtol=1e-6,
    )


def test_zero_norms_have_a_trust_of_one():
    for weight, gradient, expected in (
        (0.0, 1.0, -0.5),  # Zero weights would never move.
        (1.0, 0.0, 1.0),
        (0.0, 0.0, 0.0),
    ):
        variable = keras.Variable(np.full((2, 2), weight, "float32"), name="kernel")
        optimizers.LARS(0.5).apply([tf.fill((2, 2), gradient)], [variable])
        np.testing.assert_array_equal(variable, np.full((2, 2), expected))


def test_the_scale_of_the_loss_does_not_matter_to_adapted_weights():
    weights = [variables()[:1] for _ in range(2)]
    for scale, chosen in zip((1.0, 1000.0), weights, strict=True):
        optimizer = optimizers.LARS(0.3)
        for pair in gradients():
            optimizer.apply([scale * tf.constant(pair[0])], chosen)
    np.testing.assert_allclose(*(w[0].numpy() for w in weights), rtol=1e-5)


def test_sparse_gradients():
    table, dense = (
        keras.Variable(np.ones((4, 2), "float32"), name="table") for _ in range(2)
    )
    slices = tf.IndexedSlices(tf.ones((2, 2)), tf.constant([1, 1]), (4, 2))
    optimizers.LARS(0.5).apply([slices], [table])
    optimizers.LARS(0.5).apply([tf.convert_to_tensor(slices)], [dense])
    np.testing.assert_allclose(table, dense)
    assert table.numpy()[1, 0] < 1


def network():
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [
            keras.Input((6,)),
            keras.layers.Dense(8),
            keras.layers.BatchNormalization(),
            keras.layers.Dense(1, dtype="float32"),
        ]
    )


def rows():
    rng = np.random.default_rng(0)
    return rng.normal(size=(32, 6)).astype("float32"), rng.normal(size=(32, 1))


def fit(model, **options):
    model.fit(*rows(), batch_size=8, shuffle=False, verbose=0, **options)
    return model.get_weights()


def test_saved_model_continues_exactly(tmp_path):
    schedule = optimizers.WarmupCosine(0.5, 4, steps_per_epoch=4, warmup_epochs=1)
    model = network()
    model.compile(
        optimizers.LARS(
            schedule,
            weight_decay=0.01,
            exclude=["gamma"],
            use_ema=True,
            momentum_order="rate_last",
            exclude_from_adaptation=["dense_?1/bias"],
        ),
        loss="mse",
    )
    fit(model, epochs=2)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    assert again.optimizer._decayed == model.optimizer._decayed
    assert again.optimizer._adapted == model.optimizer._adapted
    before = model.get_weights()
    for one, other in zip(fit(model), fit(again), strict=True):
        np.testing.assert_array_equal(one, other)
    assert np.abs(before[0] - one[0]).max() > 0
    for one, other in zip(
        model.optimizer.variables, again.optimizer.variables, strict=True
    ):
        np.testing.assert_array_equal(one, other)


def test_half_precision_with_a_scaled_loss():
    # Scaled and unscaled again, steps are those of the optimizer alone.
    scaled = keras.optimizers.LossScaleOptimizer(lars(), initial_scale=2.0**10)
    weights = variables()
    for pair in gradients():
        scaled.apply([2.0**10 * tf.constant(g) for g in pair], weights)
    for weight, expected in zip(weights, run(lars()), strict=True):
        np.testing.assert_allclose(weight, expected, rtol=1e-5)
    # An overflow is skipped.
    before = [w.numpy() for w in weights]
    scaled.apply([tf.constant(np.inf) * tf.ones_like(w) for w in weights], weights)
    for weight, expected in zip(weights, before, strict=True):
        np.testing.assert_array_equal(weight, expected)

    keras.mixed_precision.set_global_policy("mixed_float16")
    model = network()
    model.compile(optimizers.LARS(0.5), loss="mse")
    assert isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
    before = model.get_weights()
    after = fit(model)
    assert all(np.isfinite(x).all() for x in after)
    assert np.abs(before[0] - after[0]).max() > 0


def test_half_variables_keep_norms_in_float32():
    # 300 squared, 16 times, overflows float16.
    weight = keras.Variable(np.full((4, 4), 300.0), dtype="float16", name="kernel")
    gradient = tf.fill((4, 4), tf.constant(1.0, tf.float16))
    optimizers.LARS(1.0, trust_coefficient=0.01).apply([gradient], [weight])
    np.testing.assert_allclose(weight, np.full((4, 4), 297.0))


@pytest.mark.slow
def test_two_replicas_step_as_one():
    script = Path(__file__).with_name("replicas_lars.py")
    result = subprocess.run([sys.executable, script], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr[-3000:]
    found = json.loads(result.stdout.splitlines()[-1])
    assert found["difference"] < 1e-6 and found["movement"] > 0.01


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"momentum": 1.0}, "at least 0 and below 1"),
        ({"momentum": float("nan")}, "at least 0 and below 1"),
        ({"trust_coefficient": 0.0}, "positive"),
        ({"weight_decay": -1.0}, "negative"),
        ({"momentum_order": "rate_frist"}, "Did you mean 'rate_first'"),
        ({"exclude": ["("]}, "regular expressions"),
        ({"exclude_from_adaptation": [3]}, "regular expressions"),
    ],
)
def test_wrong_settings_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        optimizers.LARS(0.1, **options)
