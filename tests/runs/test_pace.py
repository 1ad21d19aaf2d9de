"""A training ends in its time, with its schedule, whatever the machine does."""

import types

import numpy as np
import pytest

from cl_keras.optimizers import Paced, WarmupCosine
from cl_keras.runs import Pace

SECONDS, PLANNED = 100.0, 200


class Machine:
    """`fit` without a model, by a clock that the speed of each moment moves."""

    def __init__(self, seconds_of_a_step, trace=5.0):
        self.now, self.seconds, self.trace = 0.0, seconds_of_a_step, trace
        self.rates = []

    def fit(self, pace, start=0, stop=10**6):
        cosine = WarmupCosine(1.0, epochs=PLANNED, steps_per_epoch=1, warmup_epochs=20)
        optimizer = types.SimpleNamespace(
            iterations=start, _learning_rate=Paced(cosine), learning_rate=None
        )
        model = types.SimpleNamespace(optimizer=optimizer, stop_training=False)
        pace.clock = lambda: self.now
        pace.set_model(model)
        pace.on_train_begin()
        for step in range(start, stop):
            self.rates.append(float(optimizer._learning_rate(step)))
            self.now += self.seconds(self.now) + (self.trace if step == start else 0)
            pace.on_train_batch_end(0)
            if model.stop_training:
                return step + 1
        return stop


@pytest.mark.parametrize(
    "seconds",
    [
        lambda now: 0.5,
        lambda now: 0.1,
        lambda now: 2.0,
        lambda now: 0.3 if now < 50 else 1.2,
        lambda now: 0.3 if now < 90 else 0.9,
        lambda now: 1.5 if now < 30 else 0.2,
    ],
    ids=["as planned", "faster", "slower", "slower later", "slower late", "free later"],
)
def test_training_ends_in_time_with_its_schedule(seconds):
    machine = Machine(seconds)
    pace = Pace([[0, 0], [PLANNED, PLANNED]], SECONDS)
    steps = machine.fit(pace)
    assert 0.95 * SECONDS < machine.now < 1.03 * SECONDS
    assert pace.knots[-1] == [steps, PLANNED]
    # Continuous, and down to (nearly) nothing.
    assert machine.rates[-1] < 0.03
    assert np.abs(np.diff(machine.rates)).max() < 0.35
    assert max(machine.rates) == pytest.approx(1.0, abs=0.05)


def test_knots_alone_give_the_same_rates_again():
    machine = Machine(lambda now: 0.3 if now < 50 else 1.2)
    pace = Pace([[0, 0], [PLANNED, PLANNED]], SECONDS)
    steps = machine.fit(pace)
    again = Machine(lambda now: 0.01)
    assert again.fit(Pace(pace.knots)) == steps
    assert again.rates == machine.rates


def test_a_training_goes_on_by_what_was_written():
    written = []
    machine = Machine(lambda now: 1.0 + 0.5 * np.sin(now))
    pace = Pace([[0, 0], [PLANNED, PLANNED]], SECONDS, changed=written.append)
    machine.fit(pace, stop=60)
    # Interrupted at step 60, it goes on from a checkpoint of step 50.
    last = written[-1][-2][0]
    assert 50 < last <= 60
    other = Machine(lambda now: 1.0)
    steps = other.fit(Pace(written[-1], SECONDS - 60), start=50)
    assert other.rates[: last - 50] == machine.rates[50:last]
    # But for the first step, which is compiled again.
    assert other.now - other.trace == pytest.approx(SECONDS - 60, rel=0.05)
    assert other.rates[-1] < 0.03 and steps == 50 + len(other.rates)


def test_there_are_no_more_steps_than_allowed():
    machine = Machine(lambda now: 0.1)
    pace = Pace([[0, 0], [PLANNED, PLANNED]], SECONDS, most=PLANNED)
    assert machine.fit(pace) == PLANNED
    assert machine.now < 0.3 * SECONDS
