# SPDX-License-Identifier: Apache-2.0
"""Trainings that are killed, again and again: they end as if they had not been."""

import pytest
from faults.campaign import kill
from faults.scenarios import FAMILIES

pytestmark = pytest.mark.slow
SHORT = ("simclr", "cpc", "dgi")


@pytest.mark.parametrize(
    "method",
    [pytest.param(x, marks=[pytest.mark.long] * (x not in SHORT)) for x in FAMILIES],
)
def test_a_killed_training_goes_on_to_the_same_weights(
    method, warm, tally, family, tmp_path, long
):
    scenario = family(method, tmp_path / "place")
    with tally("SIGKILL", scenario.title) as row:
        kill(warm, scenario, row, 50 if long else 2)
