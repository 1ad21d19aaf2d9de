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
    Progress,
    TextColumn,
    TimeRemainingColumn,
)

from cl_keras import files

#: Columns of a terminal.
WIDTH = 80
_KNN, _RANK = "online_knn_accuracy", "rank_me"
# Accuracies by labels; others are those of the method's own task.
_NOT_OWN = ("online_", "start_", "val_")


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
        with files.naming(self.path), self.path.open("a") as file:
            file.write(json.dumps(row) + "\n")


class ProgressBar(keras.callbacks.Callback):
    """Shows a bar with loss, rate and time left, and a line of 80 columns an epoch.

    It spans the whole training, also where `fit` is called for a part of it.

    Args:
        console: Where to draw. On anything but a terminal, only the lines appear.
        epochs: Epochs of the training.
        steps: Steps an epoch.
        examples: Training examples an epoch, for the rate.
        unit: What they are called.
        done: Steps taken before.
        seconds: What training ends in, if it is time that ends it: then the time left
            is shown, not a number of epochs that changes with the machine's speed.
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
        seconds: float | None = None,
    ) -> None:
        super().__init__()
        self.console = console
        self.epochs = epochs
        self.seconds = seconds
        self._done, self._total = done, float(epochs * steps)
        self.each = examples / steps
        self.unit = unit
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            TextColumn("{task.fields[now]}"),
            TimeRemainingColumn(),
            TextColumn("left"),
            expand=True,
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task(
            "epoch 1", total=epochs * steps, completed=done, now=""
        )
        self._shown = 0.0

    def on_train_begin(self, logs: Any = None) -> None:  # noqa: D102
        self._began = time.perf_counter()
        self._bar.start()

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:  # noqa: D102
        self._start, self._steps = time.perf_counter(), 0
        of = "" if self.seconds is not None else f"/{self.epochs}"
        self._bar.update(self._task, description=f"epoch {epoch + 1}{of}")

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:  # noqa: D102
        self._steps += 1
        self._done += 1
        if self._bar.disable:
            return
        loss = f"loss {float(logs['loss']):.3f}  " if logs and "loss" in logs else ""
        self._bar.update(self._task, advance=1, now=loss + self._rate())

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:  # noqa: D102
        now = time.perf_counter()
        last = epoch + 1 == self.epochs
        if not last and now - self._shown < self.LINE_SECONDS:
            return
        self._shown = now
        seconds, rate = f"{now - self._start:.1f} s", self._rate()
        of = f"/{self.epochs}" if self.seconds is None else f" · {self._left(now)} left"
        parts = [f"epoch {epoch + 1}{of}", *_scores(logs or {})]
        line = "  ".join([*parts, rate, seconds])
        if len(line) > WIDTH:  # Long numbers everywhere: what is counted is known.
            line = "  ".join([*parts, rate.replace(f" {self.unit}", ""), seconds])
        self.console.print(line, highlight=False, soft_wrap=True)

    def lengthen(self, steps: float, each: int) -> None:
        """Shows another number of steps in all, of so many an epoch."""
        self.epochs, self._total = math.ceil(steps / each), steps
        self._bar.update(self._task, total=steps)

    def close(self) -> None:
        """Takes the bar away."""
        self._bar.stop()

    def _left(self, now: float) -> str:
        """Minutes and seconds, by the time that there is and by the steps."""
        steps = (self._total - self._done) * (now - self._start) / max(self._steps, 1)
        left = min(steps, (self.seconds or 0.0) - (now - self._began))
        return "{}:{:02}".format(*divmod(max(round(left), 0), 60))

    def _rate(self) -> str:
        seconds = time.perf_counter() - self._start
        return f"{self._steps * self.each / seconds:,.0f} {self.unit}/s"


def _scores(logs: dict[str, Any]) -> list[str]:
    """What an epoch's line says of it; `metrics.jsonl` has all."""
    accuracy = next(
        (n for n in logs if "accuracy" in n and not n.startswith(_NOT_OWN)), ""
    )
    shown = {"loss": ("loss", 3), accuracy: ("acc", 3)}
    shown |= {_KNN: ("kNN", 3), _RANK: ("rank", 1)}
    return [
        f"{title} {logs[name]:.{digits}f}"
        for name, (title, digits) in shown.items()
        if name in logs
    ]
