# SPDX-License-Identifier: Apache-2.0
"""What a training run says about its own health while it trains."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from rich.console import Console

from cl_keras import check
from cl_keras.evaluate.diagnosis import Finding, rank_finding, spread_finding
from cl_keras.metrics import embedding_std, rank_me
from cl_keras.runs.stages import Stages

# Between two looks at features that `CollapseAlarm` must compute: epochs of
# milliseconds shall stay such.
_PROBE_SECONDS = 10.0


class CollapseAlarm(keras.callbacks.Callback):
    """Warns, in words, when an encoder gives all inputs nearly the same features.

    Reads `embedding_std` and `rank_me`, as the methods on two views and Deep InfoMax
    report them each epoch. For methods that report neither, give it features to
    look at. Training goes on: a warning is no proof, and a run may recover; it is
    repeated only after the measure was good in between.

    Args:
        console: Where the warning is printed too; None for nowhere.
        batch_size: Examples in a batch, which bound the rank that can be seen; None
            if unknown.
        probe: Gives the encoder's features of some inputs, `(n, D)`; asked after an
            epoch, at most once in ten seconds, and at the end, if the model reports
            no `embedding_std`. Or None.

    Example:
    >>> alarm = CollapseAlarm(batch_size=64)
    >>> alarm.findings
    []
    """

    def __init__(
        self,
        console: Console | None = None,
        batch_size: int | None = None,
        probe: Callable[[Any], np.ndarray] | None = None,
    ) -> None:
        super().__init__()
        self.console = console
        self.batch_size = batch_size
        self.probe = probe
        self.findings: list[Finding] = []
        self._raised: set[str] = set()
        self._probed = -_PROBE_SECONDS

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:  # noqa: D102
        logs = logs or {}
        last = self.model.stop_training or epoch + 1 == self.params.get("epochs")
        for finding in self._look(logs, last):
            if finding.level == "good":
                self._raised.discard(finding.measure)
                continue
            if finding.measure in self._raised:
                continue
            self._raised.add(finding.measure)
            self.findings.append(finding)
            text = f"Epoch {epoch + 1}: {finding.text}."
            warnings.warn(text, RuntimeWarning, stacklevel=2)
            if self.console is not None:
                Stages(self.console).say(f"warning: {text}")

    def _look(self, logs: dict[str, Any], last: bool) -> list[Finding]:
        width = self.model.encoder.output_shape[-1]
        spread, rank = logs.get("embedding_std"), logs.get("rank_me")
        # On two views the spread is of the projector's output, the rank of features.
        projector = getattr(self.model, "projector", None)
        spread_width = width if projector is None else projector.output_shape[-1]
        rows = self.batch_size or width
        now = time.perf_counter()
        due = last or now - self._probed >= _PROBE_SECONDS
        if spread is None and self.probe is not None and due:
            features = tf.convert_to_tensor(self.probe(self.model.encoder))
            rows, spread_width = len(features), width
            spread, rank = embedding_std(features), rank_me(features)
            self._probed = time.perf_counter()
        found = []
        if spread is not None:
            found.append(spread_finding(float(spread), spread_width))
        # A collapsed encoder has no rank to speak of.
        if rank is not None and not (found and found[0].level == "problem"):
            found.append(rank_finding(float(rank), min(rows, width), width))
        return found


class DataWait(keras.callbacks.Callback):
    """Reports `data_wait`, the share of an epoch spent waiting for the next batch.

    Keras takes a batch inside the compiled step, so the time between two calls of a
    callback says nothing about waiting. Instead `watch` puts a clock at the end of
    the pipeline: it notes when a batch is asked for and when it is there. Near 0 the
    pipeline keeps up; at 0.5 the model could train twice as fast.

    Limits: the first batch of an epoch counts with all that the pipeline does to
    start. Under a `tf.distribute` strategy batches are fetched ahead by its own
    threads, whose waiting is measured then, not the model's. What is copied to an
    accelerator after the batch is there is not counted. A dataset without `watch`
    reports nothing.

    Example:
    >>> wait = DataWait()
    >>> batches = wait.watch(tf.data.Dataset.range(6).batch(2))
    >>> len(batches), len(list(batches))
    (3, 3)
    """

    def __init__(self) -> None:
        super().__init__()
        self._waited: tf.Variable | None = None

    def watch(self, dataset: tf.data.Dataset) -> tf.data.Dataset:
        """Puts the clock at the end of a pipeline."""
        with tf.device("CPU"):
            waited = tf.Variable(0.0, dtype=tf.float64, trainable=False)
        self._waited = waited
        # A zip asks its parts in turn: the clock is read, then the batch is fetched.
        asked = tf.data.Dataset.counter().map(lambda _: tf.timestamp())

        def note(start: tf.Tensor, batch: Any) -> Any:
            with tf.control_dependencies([waited.assign_add(tf.timestamp() - start)]):
                return tf.nest.map_structure(tf.identity, batch)

        timed = tf.data.Dataset.zip((asked, dataset)).map(note)
        options = tf.data.Options()
        # Otherwise tf.data may add a prefetch after the clock.
        options.experimental_optimization.inject_prefetch = False
        return timed.with_options(options)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:  # noqa: D102
        if self._waited is not None:
            self._waited.assign(0.0)
        self._start = time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:  # noqa: D102
        # Validation comes before the epoch's end and is no part of it.
        self._end = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:  # noqa: D102
        if self._waited is not None and logs is not None:
            seconds = max(self._end - self._start, 1e-9)
            logs["data_wait"] = min(float(self._waited.numpy()) / seconds, 1.0)


def describe_negatives(model: keras.Model, batch_size: int) -> str:
    """Says how many negatives each query effectively has."""
    check.at_least(1, batch_size=batch_size)
    count = model.negatives_per_query(batch_size)
    if count is None:
        return ""
    text = f"each query has {count:,} negative{'' if count == 1 else 's'}"
    return text if count else f"{text}: a batch of {batch_size} gives it none"
