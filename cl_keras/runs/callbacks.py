# SPDX-License-Identifier: Apache-2.0
"""Keras callbacks that a run records and shows itself with."""

from __future__ import annotations

import json
import math
import time
from pathlib import Path
from typing import Any

import keras
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)


class MetricsLog(keras.callbacks.Callback):
    """Appends one JSON object an epoch to a file.

    Args:
        path: The file, `metrics.jsonl` of a run.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:  # noqa: D102
        self._start = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:  # noqa: D102
        row = {"epoch": epoch + 1, "seconds": time.perf_counter() - self._start}
        row |= {name: float(value) for name, value in (logs or {}).items()}
        row["learning_rate"] = float(self.model.optimizer.learning_rate)
        with self.path.open("a") as file:
            file.write(json.dumps(row) + "\n")


class ProgressBar(keras.callbacks.Callback):
    """Shows a bar with examples per second and time left, and a line an epoch.

    It spans the whole training, also where `fit` is called for a part of it.

    Args:
        console: Where to draw. On anything but a terminal, only the lines appear.
        epochs: Epochs of the training.
        steps: Steps an epoch.
        examples: Training examples an epoch, for the rate.
        unit: What they are called.
        done: Steps taken before.
    """

    # Epochs of milliseconds need no line each.
    LINE_SECONDS = 1.0

    def __init__(
        self,
        console: Console,
        *,
        epochs: int,
        steps: int,
        examples: int,
        unit: str = "images",
        done: int = 0,
    ) -> None:
        super().__init__()
        self.console = console
        self.epochs = epochs
        self.each = examples / steps
        self.unit = unit
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task(
            "epoch 1", total=epochs * steps, completed=done, rate=""
        )
        self._shown = 0.0

    def on_train_begin(self, logs: Any = None) -> None:  # noqa: D102
        self._bar.start()

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:  # noqa: D102
        self._start, self._steps = time.perf_counter(), 0
        self._bar.update(self._task, description=f"epoch {epoch + 1}/{self.epochs}")

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:  # noqa: D102
        self._steps += 1
        self._bar.update(self._task, advance=1, rate=self._rate())

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:  # noqa: D102
        now = time.perf_counter()
        last = epoch + 1 == self.epochs
        if not last and now - self._shown < self.LINE_SECONDS:
            return
        self._shown = now
        values = "  ".join(f"{name} {value:.3f}" for name, value in logs.items())
        self.console.print(
            f"epoch {epoch + 1}/{self.epochs}  {now - self._start:.1f} s  "
            f"{self._rate()}  {values}",
            highlight=False,
        )

    def lengthen(self, steps: float, each: int) -> None:
        """Shows another number of steps in all, of so many an epoch."""
        self.epochs = math.ceil(steps / each)
        self._bar.update(self._task, total=steps)

    def close(self) -> None:
        """Takes the bar away."""
        self._bar.stop()

    def _rate(self) -> str:
        seconds = time.perf_counter() - self._start
        return f"{self._steps * self.each / seconds:,.0f} {self.unit}/s"
