# SPDX-License-Identifier: Apache-2.0
"""Scalars for TensorBoard, without the TensorBoard package."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import tensorflow as tf


class TensorBoardScalars(keras.callbacks.Callback):
    """Writes every metric of each epoch where TensorBoard reads it.

    Training metrics keep their names; `val_` ones are written as `validation/...`.
    The learning rate is added. The package `tensorboard` is needed to look at them
    (`tensorboard --logdir FOLDER`), not to write them: TensorFlow 2.21 comes without
    it, and `keras.callbacks.TensorBoard` fails then.

    Args:
        folder: The log folder; a run of its own under TensorBoard's `--logdir`. A
            training that is taken up again goes on in it.

    Example:
    >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> log = TensorBoardScalars("logs/run1")
    >>> x = tf.ones((4, 1))
    >>> history = model.fit(x, x, verbose=0, callbacks=[log])
    >>> len(list(Path("logs/run1").glob("events.out.tfevents.*")))
    1
    """

    def __init__(self, folder: str | Path) -> None:
        super().__init__()
        self.folder = Path(folder)
        self._writer: Any = None

    def on_train_begin(self, logs: Any = None) -> None:  # noqa: D102
        if self._writer is None:
            self._writer = tf.summary.create_file_writer(str(self.folder))

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:  # noqa: D102
        values = {name: float(value) for name, value in (logs or {}).items()}
        if self.model.optimizer is not None:
            values["learning_rate"] = float(self.model.optimizer.learning_rate)
        with self._writer.as_default():
            for name, value in values.items():
                if name.startswith("val_"):
                    name = f"validation/{name.removeprefix('val_')}"
                scalar(name, value, epoch + 1)
        # A run that is killed keeps what it has written.
        self._writer.flush()

    def on_train_end(self, logs: Any = None) -> None:  # noqa: D102
        self._writer.flush()


def scalar(name: str, value: float, step: int) -> None:
    """Writes one number to the default writer.

    `tf.summary.scalar` does the same, but imports the package `tensorboard`.
    """
    plugin = tf.compat.v1.SummaryMetadata.PluginData(plugin_name="scalars")
    metadata = tf.compat.v1.SummaryMetadata(plugin_data=plugin)
    # TensorBoard tells kinds of data apart by this class: 1 is scalars.
    metadata.data_class = 1
    tf.summary.write(name, tf.constant(value, tf.float32), step, metadata)
