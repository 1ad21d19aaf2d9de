# SPDX-License-Identifier: Apache-2.0
"""Keras callbacks that a run records and shows itself with."""

from __future__ import annotations

import json
import os
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


class Checkpoint(keras.callbacks.Callback):
    """Saves the whole model after epochs and at the end; the file is replaced at once.

    Args:
        path: The `.keras` file.
        seconds: Least time between two files, so that epochs of milliseconds are
            not spent on writing.
    """

    def __init__(self, path: Path, seconds: float = 30.0) -> None:
        super().__init__()
        self.path = path
        self.seconds = seconds

    def on_train_begin(self, logs: Any = None) -> None:  # noqa: D102
        self._saved = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:  # noqa: D102
        if time.perf_counter() - self._saved >= self.seconds:
            self._save()

    def on_train_end(self, logs: Any = None) -> None:  # noqa: D102
        self._save()

    def _save(self) -> None:
        self._saved = time.perf_counter()
        unfinished = self.path.with_suffix(".part.keras")
        self.model.save(unfinished)
        os.replace(unfinished, self.path)


class ProgressBar(keras.callbacks.Callback):
    """Shows a bar with examples per second and time left, and a line an epoch.

    Args:
        console: Where to draw. On anything but a terminal, only the lines appear.
        examples: Training examples an epoch, for the rate.
        unit: What they are called.
    """

    # Epochs of milliseconds need no line each.
    LINE_SECONDS = 1.0

    def __init__(self, console: Console, examples: int, unit: str = "images") -> None:
        super().__init__()
        self.console = console
        self.examples = examples
        self.unit = unit

    def on_train_begin(self, logs: Any = None) -> None:  # noqa: D102
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
            console=self.console,
            transient=True,
            disable=not self.console.is_terminal,
        )
        total = self.params["epochs"] * (self.params["steps"] or 0)
        self._task = self._bar.add_task("epoch 1", total=total or None, rate="")
        self._bar.start()
        self._shown = 0.0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:  # noqa: D102
        self._start, self._steps = time.perf_counter(), 0
        self._bar.update(
            self._task, description=f"epoch {epoch + 1}/{self.params['epochs']}"
        )

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:  # noqa: D102
        self._steps += 1
        share = self._steps / (self.params["steps"] or self._steps)
        rate = share * self.examples / (time.perf_counter() - self._start)
        self._bar.update(self._task, advance=1, rate=f"{rate:,.0f} {self.unit}/s")

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:  # noqa: D102
        now = time.perf_counter()
        seconds = now - self._start
        last = epoch + 1 == self.params["epochs"]
        if not last and now - self._shown < self.LINE_SECONDS:
            return
        self._shown = now
        values = "  ".join(f"{name} {value:.3f}" for name, value in logs.items())
        self.console.print(
            f"epoch {epoch + 1}/{self.params['epochs']}  {seconds:.1f} s  "
            f"{self.examples / seconds:,.0f} {self.unit}/s  {values}",
            highlight=False,
        )

    def on_train_end(self, logs: Any = None) -> None:  # noqa: D102
        self._bar.stop()
