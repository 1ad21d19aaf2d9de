# SPDX-License-Identifier: Apache-2.0
"""What the steps of one training hand on to each other."""

from __future__ import annotations

import contextlib
import dataclasses
from pathlib import Path
from typing import Any

from cl_keras import workers
from cl_keras.runs.checkpoint import Progress, Restored
from cl_keras.runs.config import TrainConfig
from cl_keras.runs.devices import restart_advice
from cl_keras.runs.jobs.job import Job
from cl_keras.runs.run_files import CHECKPOINT_FOLDER
from cl_keras.runs.time_limit import TimeLimit
from cl_keras.workers import Team


@dataclasses.dataclass(frozen=True)
class FitOptions:
    """What a training does beside learning: weights are the same but for a limit.

    Attributes:
        checkpoint_seconds: Least time between two checkpoints.
        tensorboard: Whether to write scalars for TensorBoard.
        data_service: Dispatcher of the tf.data service that makes the batches.
        limit: When training has to end, if it has to.
    """

    checkpoint_seconds: float
    tensorboard: bool
    data_service: str | None
    limit: TimeLimit | None = None


@dataclasses.dataclass(frozen=True)
class Training:
    """One training, as it is known once its data is loaded.

    Attributes:
        config: The run.
        job: Its data.
        team: The devices that train together.
        steps: Optimizer steps of an epoch.
        resumed: The checkpoint to go on from, if there is one.
    """

    config: TrainConfig
    job: Job
    team: Team
    steps: int
    resumed: Restored | None = None

    @property
    def run(self) -> Path:
        """The run's folder."""
        return Path(self.config.out)

    @property
    def checkpoints(self) -> Path:
        """The folder of the run's checkpoints."""
        return self.run / CHECKPOINT_FOLDER

    @property
    def progress(self) -> Progress:
        """Where the training stands before its first step."""
        return self.resumed.progress if self.resumed else Progress()

    def losses_explained(self) -> contextlib.AbstractContextManager[None]:
        """Says what to do where another worker is lost."""
        advice = restart_advice(self.run)
        return workers.losses_explained(self.team.cluster, advice)

    def facts(self) -> dict[str, Any]:
        """What must be the same on all workers, and when the training goes on."""
        return {**self.job.facts(), "steps": self.steps}
