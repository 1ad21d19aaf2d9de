# SPDX-License-Identifier: Apache-2.0
"""Whether all workers are about to train the same run."""

from __future__ import annotations

import dataclasses
import json
import zlib
from typing import Any

from cl_keras.runs.config import EVALUATION
from cl_keras.runs.training import Training

_PARTS = (
    "was started with other options",
    "finds other data (the data must be the same on all machines)",
    "finds another checkpoint (the run folder must be one that all machines share)",
)


def check_alike(training: Training) -> None:
    """Compares the workers: unlike ones would train on, to weights of no meaning."""
    options = {
        name: value
        for name, value in dataclasses.asdict(training.config).items()
        if name not in EVALUATION
    }
    checkpoint = None
    if training.resumed:
        checkpoint = training.progress.epoch, training.progress.step
    compared = [_number(part) for part in (options, training.facts(), checkpoint)]
    rows = training.team.all_say(compared)
    for worker, row in enumerate(rows):
        for part, own, chief in zip(_PARTS, row, rows[0], strict=True):
            if own != chief:
                raise ValueError(f"Worker {worker} {part} than worker 0.")


def _number(value: Any) -> int:
    return zlib.crc32(json.dumps(value, sort_keys=True).encode())
