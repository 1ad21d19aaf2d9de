# SPDX-License-Identifier: Apache-2.0
"""Commands that write are killed, and given again: what is there is whole."""

import pytest
from faults.campaign import kill
from faults.scenarios import WRITERS

pytestmark = pytest.mark.slow
LONG = ("litert", "bulk")


@pytest.mark.parametrize(
    "name",
    [pytest.param(x, marks=[pytest.mark.long] * (x in LONG)) for x in WRITERS],
)
def test_a_killed_command_leaves_nothing_half_done(
    name, warm, tally, made, tmp_path, long
):
    scenario = WRITERS[name](made, tmp_path / "place")
    kills = 20 if name in ("litert", "onnx", "embed") else 50
    with tally("SIGKILL", scenario.title) as row:
        kill(warm, scenario, row, kills if long else 2)
