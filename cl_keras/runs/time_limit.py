# SPDX-License-Identifier: Apache-2.0
"""When a run has to end."""

from __future__ import annotations

import dataclasses
import time
from typing import Any

from cl_keras.runs.config import TrainConfig
from cl_keras.workers import Cluster


@dataclasses.dataclass(frozen=True)
class TimeLimit:
    """When a training, and all that follows it, has to end.

    Attributes:
        training: Seconds of training, with the compilation of its first step.
        total: Seconds in all.
        began: When they began, by `time.monotonic`.
        draw: Whether there is time for figures and the report.
        most: Steps that there are at most, however fast they are; or None.
    """

    training: float
    total: float
    began: float = dataclasses.field(default_factory=time.monotonic)
    draw: bool = True
    most: int | None = None

    def left(self) -> float:
        """Seconds of the time in all that are left."""
        return self.total - (time.monotonic() - self.began)

    def facts(self) -> dict[str, Any]:
        """What a run's file keeps of it, to go on with."""
        return {n: v for n, v in dataclasses.asdict(self).items() if n != "began"}


def check_limit(
    limit: TimeLimit | None, config: TrainConfig, cluster: Cluster | None
) -> None:
    """Refuses a limit for what cannot be made longer or shorter on the way."""
    if limit is None:
        return
    if cluster is not None:
        raise ValueError(
            "Expected no time limit for workers that train together: each would plan "
            "for itself. Choose a training on one of them, and give all of them its "
            "options"
        )
    if not config.part("optimizer").get("pace"):
        raise ValueError(
            "Expected a configuration of `runs.choose` with a time limit. Received: "
            "one without optimizer.pace"
        )
