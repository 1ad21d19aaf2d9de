# SPDX-License-Identifier: Apache-2.0
"""Stops a training run at its first loss that is no number, and says why."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

# Weights that grew a hundredfold did not do so by learning: the learning rate's doing.
_GROWN = 100.0
# So far gone, training is over even if normalisation keeps the loss finite.
_EXPLODED = 1e4


class NanGuard(keras.callbacks.Callback):
    """Stops training with the likely cause, once loss or weights are not finite.

    After each step it reads the loss and the mean size of the weights (one pass over
    them). When either is NaN or infinite, or the weights have grown 10,000-fold, it
    goes through the causes in turn: the input (by reading `data` again), weights
    that were broken before training, and else the step itself, which is the learning
    rate's, the temperature's or half precision's doing. It raises at once: no later
    callback writes broken weights over a good checkpoint.

    Args:
        data: What `fit` trains on, a dataset or arrays or a function that makes them,
            to be searched for NaN when it has come to that; None leaves the input
            out. A dataset that shuffles comes in another order, so the batch that is
            named is the first bad one of this new pass.
        checkpoint: Path of the last checkpoint, or a function that returns it (or
            None); for the message.
        search_seconds: Longest time to search the input.

    Raises:
        ValueError: From within `fit`.

    Example:
    >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> x = np.float32([[1.0], [np.nan]])
    >>> try:
    ...     history = model.fit(x, x, verbose=0, callbacks=[NanGuard(data=x)])
    ... except ValueError as error:
    ...     print(str(error)[:45])
    The loss became nan in step 1 of epoch 1 (lea
    """

    def __init__(
        self,
        data: Any = None,
        checkpoint: str | Path | Callable[[], str | Path | None] | None = None,
        search_seconds: float = 60.0,
    ) -> None:
        super().__init__()
        self.data = data
        self.checkpoint = checkpoint
        self.search_seconds = search_seconds
        self._epoch = self._steps = 0

    def on_train_begin(self, logs: Any = None) -> None:  # noqa: D102
        variables = [v for v in self.model.trainable_variables if math.prod(v.shape)]

        @tf.function
        def size() -> tf.Tensor:
            # Sums, unlike maxima, never lose a NaN.
            means = [tf.reduce_mean(tf.abs(tf.cast(v, "float32"))) for v in variables]
            return tf.add_n(means) / len(means) if means else tf.constant(0.0)

        self._size = size
        self._first = self._before = float(size())
        if not math.isfinite(self._first):
            raise ValueError(
                "The model's weights hold NaN or infinity before the first step: "
                "the model, or the checkpoint it comes from, is broken."
                + self._last_checkpoint()
            )

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:  # noqa: D102
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:  # noqa: D102
        loss, after = float((logs or {}).get("loss", 0.0)), float(self._size())
        self._steps += 1
        if math.isfinite(after):
            self._before = after
        growth = self._growth()
        if not math.isfinite(loss):
            what = f"The loss became {loss}"
        elif not math.isfinite(after):
            what = "The weights became infinite"
        elif growth > _EXPLODED:
            what = f"The weights grew {growth:,.0f}-fold"
        else:
            return
        rate = float(self.model.optimizer.learning_rate)
        raise ValueError(
            f"{what} in step {batch + 1} of epoch {self._epoch + 1} (learning rate "
            f"{rate:.3g}). {self._cause(rate)}{self._last_checkpoint()}"
        )

    def _growth(self) -> float:
        """How much larger the weights are than at the start, when last finite."""
        return self._before / self._first if self._first else 1.0

    def _cause(self, rate: float) -> str:
        searched, bad = self._search()
        if bad:
            return f"The cause is the input: {bad}. Mend or leave out these examples."
        seen = (
            f"The input is finite ({searched} batches were searched)"
            if searched
            else "The input was not searched"
        )
        growth = self._growth()
        if growth > _GROWN:
            return (
                f"{seen}, and the weights, which were finite before this step, have "
                f"grown {growth:,.0f}-fold since the start: the learning rate of "
                f"{rate:.3g} is too high. Lower it, or warm up for longer."
            )
        causes = [f"a learning rate that is too high ({rate:.3g})"]
        temperature = getattr(self.model, "temperature", None)
        if temperature is not None:
            causes.append(f"a temperature that is too low ({temperature})")
        if "float16" in self.model.dtype_policy.name.split("_"):
            causes.append("the narrow range of float16 (mixed_bfloat16 has float32's)")
        return (
            f"{seen}, and the weights were finite before this step. Likely causes: "
            f"{'; '.join(causes)}."
        )

    def _search(self) -> tuple[int, str]:
        """Batches that were read, and where the first bad values are, if any."""
        if self.data is None:
            return 0, ""
        end = time.perf_counter() + self.search_seconds
        # A dataset that goes on without end is read as far as training came.
        most = max(self.params.get("steps") or 0, self._steps)
        count = 0
        for count, batch in enumerate(_batches(self.data), start=1):
            for part in tf.nest.flatten(batch):
                bad = _bad_values(part)
                if bad:
                    return count, (
                        f"batch {count} of the data holds {bad:,} "
                        f"value{' that is' if bad == 1 else 's that are'} NaN or "
                        "infinite"
                    )
            if count >= most or time.perf_counter() > end:
                break
        return count, ""

    def _last_checkpoint(self) -> str:
        path = self.checkpoint() if callable(self.checkpoint) else self.checkpoint
        if path is None or not Path(path).exists():
            return " No checkpoint was written so far."
        return f" The last good checkpoint is {path}."


def _batches(data: Any) -> Iterator[Any]:
    data = data() if callable(data) else data
    return iter(data) if isinstance(data, tf.data.Dataset) else iter([data])


def _bad_values(part: Any) -> int:
    values = part.values if isinstance(part, tf.SparseTensor) else part
    array = np.asarray(values)
    if array.dtype.kind not in "fV":  # NumPy files bfloat16 under "V".
        return 0
    return int((~np.isfinite(array.astype(np.float32))).sum())
