# SPDX-License-Identifier: Apache-2.0
"""Which runs can be made longer."""

import dataclasses

from cl_keras.runs import TrainConfig
from cl_keras.runs.continuation import check_continuation


def test_which_runs_can_be_made_longer():
    def refused(there, now):
        run = TrainConfig("simclr", "digits", "run", epochs=6)
        there, now = (dataclasses.replace(run, **given) for given in (there, now))
        try:
            check_continuation(there, now)
        except ValueError:
            return True
        return False

    def settings(**given):
        return {f"optimizer.{name}": value for name, value in given.items()}

    two, three = settings(cycles=2), settings(cycles=3)
    constant = {"schedule": "constant"}
    assert not refused({}, {})
    assert not refused({}, {"epochs": 18, "settings": three})
    assert not refused({"settings": two}, {"epochs": 9, "settings": three})
    assert not refused(constant, {**constant, "epochs": 7})
    # Cycles of another length, a shorter training, another past.
    assert refused({}, {"epochs": 12})
    assert refused({}, {"settings": two})
    assert refused({}, {"epochs": 13, "settings": two})
    assert refused({"settings": two}, {"epochs": 3})
    assert refused({}, {"epochs": 12, "settings": {**two, "temperature": 0.1}})
    lower = settings(cycles=3, cycle_decay=0.5)
    assert refused({"settings": two}, {"epochs": 9, "settings": lower})
    assert refused(constant, {**constant, "epochs": 7, "seed": 1})
    stopped = {**constant, "patience": 2}
    assert refused(stopped, {**stopped, "epochs": 7})
    assert refused({}, {"epochs": 12, "settings": settings(cycles="two")})
