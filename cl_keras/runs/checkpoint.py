# SPDX-License-Identifier: Apache-2.0
"""Checkpoints from which training goes on as if it had not stopped.

A checkpoint is a folder, `<number>/`: the model with its optimizer and random state as
`model.keras`, and where training stood as `progress.json`. It is written under another
name and renamed when complete: a process killed at any moment leaves only whole ones.
"""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import tempfile
import time
import warnings
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from cl_keras import files
from cl_keras.runs.pace import Logs

MODEL_FILE = "model.keras"
PROGRESS_FILE = "progress.json"
BEST_FILE = "best.npz"
_UNFINISHED = "unfinished_"


class Interrupted(KeyboardInterrupt):
    """Training was asked to stop, and what it had reached is saved."""


@dataclasses.dataclass
class Progress:
    """Where training stands.

    Args:
        epoch: Finished epochs.
        step: Steps taken since in the next one.
        finished: Whether training has come to its end.
        seconds: Time spent so far.
        means: State of each running mean of the epoch under way.
        stopping: State of `keras.callbacks.EarlyStopping`, or None.
        facts: What training went on, to compare with: sizes of the data, steps.
        warnings: What a user should know about the training.
    """

    epoch: int = 0
    step: int = 0
    finished: bool = False
    seconds: float = 0.0
    means: list[list[float]] = dataclasses.field(default_factory=list)
    stopping: dict[str, Any] | None = None
    facts: dict[str, Any] = dataclasses.field(default_factory=dict)
    warnings: list[str] = dataclasses.field(default_factory=list)

    def reaches(self, epochs: int) -> bool:
        """Whether nothing is left of a training of so many epochs."""
        return self.finished and (self.stopping is not None or self.epoch >= epochs)


@dataclasses.dataclass
class Restored:
    """What a checkpoint held.

    Args:
        path: The checkpoint's folder.
        model: The compiled model.
        progress: Where it stood.
        best: Best weights so far, of a run with early stopping.
    """

    path: Path
    model: Any
    progress: Progress
    best: list[np.ndarray] | None = None


class Checkpoint(keras.callbacks.Callback):
    """Saves where training stands, now and then and at the end.

    The data pipeline is no part of it: give one that begins at any step, such as
    `data.two_views(..., repeat=True, start=model.optimizer.iterations)`.

    Args:
        folder: Folder of the checkpoints; created if missing.
        seconds: Least time between two of them.
        keep: Number of checkpoints kept.
        epochs: Epochs of the whole training, where `fit` is called for a part of it.
        early_stopping: A callback whose state belongs to training. Checkpoints are
            then taken between epochs only, and this callback must come later in the
            list than that one.
        resumed: What `restore` returned, to go on from.
        facts: What to keep beside, to compare with when training goes on.
        interrupt: Asked after each step whether to save and stop, by raising
            `Interrupted`.
        writes: Whether this worker writes the checkpoints. The others only take part
            in them: some values are sums over all workers.
        agree: Called with a worker's wishes (to stop, to save); returns those of all
            workers, so that all stop and save at the same step.

    Example:
    >>> found = restore(Path("no_such_folder"))
    >>> callback = Checkpoint(Path("checkpoints"), resumed=found)
    """

    def __init__(
        self,
        folder: Path,
        *,
        seconds: float = 30.0,
        keep: int = 2,
        epochs: int | None = None,
        early_stopping: keras.callbacks.EarlyStopping | None = None,
        resumed: Restored | None = None,
        facts: dict[str, Any] | None = None,
        interrupt: Callable[[], bool] = lambda: False,
        writes: bool = True,
        agree: Callable[[list[bool]], Sequence[bool]] = lambda wishes: wishes,
    ) -> None:
        super().__init__()
        self.writes = writes
        self.agree = agree
        self.folder = Path(folder)
        self.seconds = seconds
        self.keep = keep
        self.epochs = epochs
        self.early_stopping = early_stopping
        self.interrupt = interrupt
        self.progress = resumed.progress if resumed else Progress()
        self.progress.facts |= facts or {}  # Callbacks noted theirs there.
        self._resumed = resumed

    def on_train_begin(self, logs: Logs = None) -> None:  # noqa: D102
        self._saved = self._counted = time.perf_counter()
        stopping = self.early_stopping
        if stopping and self.progress.stopping:
            for name, value in self.progress.stopping.items():
                setattr(stopping, name, value)
            if self._resumed:
                stopping.best_weights = self._resumed.best

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:  # noqa: D102
        if self.progress.step and self.progress.means:
            # Keras has just reset them, for an epoch that is half over.
            states = zip(self.model.metrics, self.progress.means, strict=True)
            for metric, values in states:
                for variable, value in zip(metric.variables, values, strict=True):
                    variable.assign(value)
        self.progress.epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:  # noqa: D102
        self.progress.step += 1
        # After the last step of an epoch its end is waited for, which logs it.
        if self.early_stopping is None and batch + 1 != self.params["steps"]:
            self._save_or_stop()

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:  # noqa: D102
        self.progress.epoch, self.progress.step = epoch + 1, 0
        self._save_or_stop()

    def on_train_end(self, logs: Logs = None) -> None:  # noqa: D102
        at_end = self.progress.epoch >= (self.epochs or self.params["epochs"])
        self.progress.finished = at_end or self.model.stop_training
        path = self.save()
        if self.agree([self.interrupt(), False])[0]:
            raise Interrupted(str(path))

    def _save_or_stop(self) -> None:
        # The end saves by itself, with the best weights back and nothing left to do.
        if self.model.stop_training or self.progress.epoch >= self.params["epochs"]:
            return
        # All workers go by the clock of the one that writes.
        due = self.writes and time.perf_counter() - self._saved >= self.seconds
        stop, due = self.agree([self.interrupt(), due])
        if stop:
            raise Interrupted(str(self.save()))
        if due:
            self.save()

    def save(self) -> Path:
        """Writes a checkpoint, removes those that are too many, gives its folder."""
        before, self._counted = self._counted, time.perf_counter()
        self.progress.seconds += self._counted - before
        self.progress.means = [
            [float(variable.numpy()) for variable in metric.variables]
            for metric in self.model.metrics
        ]
        if not self.writes:
            with tempfile.TemporaryDirectory() as folder:
                self.model.save(Path(folder) / MODEL_FILE)
            return self.folder
        earlier = _checkpoints(self.folder)
        number = int(earlier[-1].name) + 1 if earlier else 1
        unfinished = self.folder / f"{_UNFINISHED}{number}"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        with files.naming(unfinished):
            self.model.save(unfinished / MODEL_FILE)
            if stopping := self.early_stopping:
                names = ("wait", "best", "best_epoch", "stopped_epoch")
                self.progress.stopping = {n: float(getattr(stopping, n)) for n in names}
                if (best := getattr(stopping, "best_weights", None)) is not None:
                    np.savez(unfinished / BEST_FILE, *best)
            progress = json.dumps(dataclasses.asdict(self.progress), indent=2)
            (unfinished / PROGRESS_FILE).write_text(progress + "\n")
            for file in unfinished.iterdir():
                _to_disk(file)
        path = self.folder / f"{number:06d}"
        os.rename(unfinished, path)
        _to_disk(self.folder)
        for old in earlier[: len(earlier) + 1 - self.keep]:
            shutil.rmtree(old)
        self._saved = time.perf_counter()
        return path


def restore(folder: Path) -> Restored | None:
    """Loads the newest checkpoint of a folder.

    Args:
        folder: As of `Checkpoint`.

    Returns:
        The model and where its training stood; None if there is no checkpoint. One
        that cannot be read is passed over with a warning.

    Raises:
        ValueError: If there are checkpoints and none can be read.

    Example:
    >>> restore(Path("no_such_folder")) is None
    True
    """
    errors = []
    for path in reversed(_checkpoints(Path(folder))):
        try:
            found = load(path)
        except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
            errors.append(f"{path}: {error}")
            continue
        for text in errors:
            warnings.warn(f"Passed over an unreadable checkpoint, {text}", stacklevel=2)
        return found
    if errors:
        raise ValueError(f"No checkpoint can be read: {'; '.join(errors)}")
    return None


def newest(folder: Path) -> Path | None:
    """Names the newest checkpoint of a folder."""
    return next(reversed(_checkpoints(folder)), None)


def is_finished(folder: Path, epochs: int) -> bool:
    """Says whether training has come to its end, by the newest checkpoint."""
    path = newest(folder)
    try:
        return path is not None and _progress(path).reaches(epochs)
    except (OSError, ValueError, TypeError):
        return False


def load(path: Path) -> Restored:
    """Loads one checkpoint."""
    progress = _progress(path)
    model = keras.saving.load_model(path / MODEL_FILE, safe_mode=True)
    best = None
    if (path / BEST_FILE).is_file():
        with np.load(path / BEST_FILE, allow_pickle=False) as arrays:
            best = [arrays[f"arr_{i}"] for i in range(len(arrays.files))]
    return Restored(path, model, progress, best)


def _progress(path: Path) -> Progress:
    return Progress(**json.loads((path / PROGRESS_FILE).read_text()))


def _checkpoints(folder: Path) -> list[Path]:
    """The complete ones, oldest first."""
    complete = (path for path in folder.glob("*") if path.name.isdecimal())
    return sorted(complete, key=lambda path: int(path.name))


def _to_disk(path: Path) -> None:
    # A rename may reach the disk before what is inside the file.
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
