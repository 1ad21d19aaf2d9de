# SPDX-License-Identifier: Apache-2.0
"""The pace of a run, which its configuration keeps."""

from __future__ import annotations

import json
import math
from collections.abc import Callable

from cl_keras import files
from cl_keras.runs.optimizer import PACE_SETTING
from cl_keras.runs.pace import Knots, Pace
from cl_keras.runs.run_files import CONFIG_FILE, read_json
from cl_keras.runs.time_limit import TimeLimit
from cl_keras.runs.training import Training


def pace_of(
    training: Training,
    limit: TimeLimit | None,
    lengthen: Callable[[float, int], None],
) -> Pace | None:
    """What ends a training that has a pace: in its time, or as it ended before."""
    config, path = training.config, training.run / CONFIG_FILE
    knots = config.part("optimizer").get(PACE_SETTING)
    if knots is None:
        return None

    def changed(knots: Knots) -> None:
        content, steps = read_json(path), training.steps
        content["epochs"] = math.ceil(knots[-1][0] / steps)
        content["settings"][f"optimizer.{PACE_SETTING}"] = knots
        files.write_text(path, json.dumps(content, indent=2) + "\n")
        lengthen(knots[-1][0], steps)

    if limit is None:
        return Pace(knots)
    left = max(limit.training - training.progress.seconds, 0.0)
    return Pace(knots, left, most=limit.most, changed=changed)
