# SPDX-License-Identifier: Apache-2.0
"""Whether all workers are about to train the same run."""

from __future__ import annotations

import dataclasses
import json
import zlib
from typing import Any

from cl_keras.runs.checkpoint import Restored
from cl_keras.runs.config import EVALUATION, TrainConfig
from cl_keras.workers import Team

_PARTS = (
    "was started with other options",
    "finds other data (the data must be the same on all machines)",
    "finds another checkpoint (the run folder must be one that all machines share)",
)


def check_alike(
    team: Team,
    config: TrainConfig,
    facts: dict[str, Any],
    resumed: Restored | None,
) -> None:
    """Compares the workers: unlike ones would train on, to weights of no meaning."""
    options = {
        name: value
        for name, value in dataclasses.asdict(config).items()
        if name not in EVALUATION
    }
    stands = None
    if resumed:
        stands = resumed.progress.epoch, resumed.progress.step
    rows = team.all_say([_number(part) for part in (options, facts, stands)])
    for worker, row in enumerate(rows):
        for part, own, chief in zip(_PARTS, row, rows[0], strict=True):
            if own != chief:
                raise ValueError(f"Worker {worker} {part} than worker 0.")


def _number(value: Any) -> int:
    return zlib.crc32(json.dumps(value, sort_keys=True).encode())
