# SPDX-License-Identifier: Apache-2.0
import json
import math

import keras
import numpy as np
import pytest

from cl_keras import optimizers
from cl_keras.runs.config import TrainConfig
from cl_keras.runs.optimizer import make_optimizer


def schedule(**options):
    options = {"epochs": 10, "steps_per_epoch": 20, "warmup_epochs": 2} | options
    return optimizers.WarmupCosine(0.4, **options)


def test_closed_form():
    # 40 steps of warm-up, then 160.
    rate = schedule(batch_size=512, scaling="linear", final=0.1)
    for step, expected in (
        (0, 0.0),
        (10, 0.2),
        (39, 0.8 * 39 / 40),
        (40, 0.8),  # 0.4 * 512 / 256
        (80, 0.08 + 0.72 * 0.5 * (1 + math.cos(math.pi / 4))),
        (120, 0.08 + 0.72 * 0.5),
        (200, 0.08),
        (10_000, 0.08),  # Never up again.
    ):
        assert float(rate(step)) == pytest.approx(expected, rel=1e-5, abs=1e-7)


def test_it_is_the_schedule_of_keras():
    ours = schedule()
    keras_one = keras.optimizers.schedules.CosineDecay(
        0.0, decay_steps=160, warmup_target=0.4, warmup_steps=40
    )
    for step in range(0, 220, 7):
        assert float(ours(step)) == pytest.approx(float(keras_one(step)), abs=1e-6)


def test_cycles_start_again_from_a_lower_peak():
    # 100 steps each, of which the first 40 of the first are warm-up.
    rate = schedule(cycles=2, cycle_decay=0.5, final=0.1)
    for step, expected in (
        (20, 0.2),
        (40, 0.4),
        (70, 0.04 + 0.36 * 0.5),
        (100, 0.2),  # At once, without warm-up.
        (150, 0.02 + 0.18 * 0.5),
        (200, 0.02),
        (10_000, 0.02),
    ):
        assert float(rate(step)) == pytest.approx(expected, rel=1e-5)
    # Cycles may be parts of epochs: here 66 steps, and the last two at the end's rate.
    parts = schedule(cycles=3, warmup_epochs=0)
    assert float(parts(66)) == float(parts(132)) == pytest.approx(0.4)
    assert float(parts(198)) == float(parts(199)) == 0.0
    # The first cycle is the whole schedule of a training of its length.
    alone = schedule(epochs=5, final=0.1)
    for step in range(100):
        assert float(rate(step)) == float(alone(step))


def test_cycles_are_restarts_of_keras():
    ours = schedule(warmup_epochs=0, cycles=5, cycle_decay=0.8)
    keras_one = keras.optimizers.schedules.CosineDecayRestarts(
        0.4, first_decay_steps=40, t_mul=1.0, m_mul=0.8
    )
    for step in range(200):
        assert float(ours(step)) == pytest.approx(float(keras_one(step)), abs=1e-5)


def test_scaling_rules():
    assert optimizers.scaled_rate(0.3, 1024, "linear") == pytest.approx(1.2)
    assert optimizers.scaled_rate(0.075, 1024, "sqrt") == pytest.approx(2.4)
    assert optimizers.scaled_rate(0.3, 1024, None) == 0.3
    assert schedule(batch_size=16, scaling="sqrt").peak == pytest.approx(1.6)


def test_ends_of_the_range():
    no_warmup = schedule(warmup_epochs=0)
    assert float(no_warmup(0)) == pytest.approx(0.4)
    # A warm-up as long as the training, and a training of one step.
    assert float(schedule(warmup_epochs=50)(199)) == pytest.approx(0.4)
    single = schedule(epochs=1, steps_per_epoch=1)
    assert float(single(0)) == pytest.approx(0.4)
    assert float(schedule(warmup_epochs=0.5)(5)) == pytest.approx(0.2)


def test_saved_and_loaded():
    rate = schedule(
        batch_size=64, scaling="sqrt", final=0.01, cycles=2, cycle_decay=0.5
    )
    saved = json.loads(json.dumps(keras.saving.serialize_keras_object(rate)))
    again = keras.saving.deserialize_keras_object(saved)
    assert again.get_config() == rate.get_config()
    assert float(again(177)) == float(rate(177))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epochs": 0}, "epochs=0"),
        ({"steps_per_epoch": 0}, "steps_per_epoch=0"),
        ({"warmup_epochs": -1}, "warmup_epochs=-1"),
        ({"warmup_epochs": float("nan")}, "warmup_epochs=nan"),
        ({"final": 2}, "final=2"),
        ({"cycles": 0}, "cycles=0"),
        ({"cycles": 201}, "cycles=201, 200 steps"),
        ({"cycle_decay": 1.5}, "cycle_decay=1.5"),
        ({"scaling": "linear"}, "needs a `batch_size`"),
        ({"scaling": "linaer", "batch_size": 8}, "Did you mean 'linear'"),
        ({"scaling": "linear", "batch_size": 0}, "batch_size=0"),
    ],
)
def test_wrong_settings_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        schedule(**options)
    with pytest.raises(ValueError, match="negative"):
        optimizers.scaled_rate(-0.1, 8, None)


def run(**options):
    options = {"epochs": 10, "batch_size": 512, "learning_rate": 0.4} | options
    return TrainConfig("simclr", "digits", "run", **options)


def test_runs_choose_optimizer_and_scaling():
    default = make_optimizer(run(), 20)
    assert isinstance(default, optimizers.AdamW)
    assert float(default.learning_rate) == 0.0
    default.iterations.assign(20)
    assert float(default.learning_rate) == pytest.approx(0.4)

    settings = {
        "optimizer.name": "lars",
        "optimizer.scaling": "linear",
        "optimizer.trust_coefficient": 0.02,
        "optimizer.final": 0.1,
        "optimizer.cycles": 2,
        "optimizer.cycle_decay": 0.5,
    }
    lars = make_optimizer(run(settings=settings, weight_decay=1e-6), 20)
    assert isinstance(lars, optimizers.LARS)
    assert lars.trust_coefficient == 0.02 and lars.coupled_decay == 1e-6
    lars.iterations.assign(20)
    assert float(lars.learning_rate) == pytest.approx(0.8)
    lars.iterations.assign(200)
    assert float(lars.learning_rate) == pytest.approx(0.04)

    settings = {"optimizer.name": "sgd", "optimizer.scaling": "sqrt"}
    sgd = make_optimizer(run(settings=settings, schedule="constant"), 20)
    assert float(sgd.learning_rate) == pytest.approx(0.4 * np.sqrt(512))


def test_sgd_of_runs_is_sgd():
    settings = {"optimizer.name": "sgd"}
    sgd = make_optimizer(
        run(settings=settings, schedule="constant", weight_decay=0.0), 20
    )
    results = []
    for optimizer in (sgd, keras.optimizers.SGD(0.4, momentum=0.9)):
        variable = keras.Variable(np.ones((2, 2), "float32"), name="kernel")
        for step in range(3):
            gradient = np.full((2, 2), step + 1.0, "float32")
            optimizer.apply([keras.ops.convert_to_tensor(gradient)], [variable])
        results.append(variable.numpy())
    np.testing.assert_allclose(*results, rtol=1e-6)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"optimizer.name": "larz"}, "Did you mean 'lars'"),
        ({"optimizer.trust_coefficient": 1.0}, "trust_coefficient"),
        ({"optimizer.scaling": "linaer"}, "Did you mean 'linear'"),
        ({"optimizer.name": "lars", "optimizer.momntum": 0.5}, "momentum"),
    ],
)
def test_wrong_settings_of_runs_are_named(settings, message):
    with pytest.raises(ValueError, match=message):
        make_optimizer(run(settings=settings), 20)
