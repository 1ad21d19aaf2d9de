# SPDX-License-Identifier: Apache-2.0
"""Scores during training, on labelled examples that training never sees."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np

from cl_keras import check
from cl_keras.evaluate.embedding import NotFiniteError, embed
from cl_keras.evaluate.knn_choice import chosen_knn
from cl_keras.evaluate.label_arrays import hits, labels_array
from cl_keras.evaluate.linear_probe import linear_probe

Pair = tuple[np.ndarray, np.ndarray]
Inputs = np.ndarray | Sequence[np.ndarray]


class OnlineEvaluation(keras.callbacks.Callback):
    """Scores the encoder every few epochs of `fit` on a separate labelled set.

    Adds `online_knn_accuracy` and, with `probe`, `online_linear_accuracy` to the
    logs of the epoch, where `History`, loggers and `EarlyStopping` find them; in the
    list of callbacks it must come before those that read the logs. Epochs without a
    score have no such key.

    Labels cannot leak into training: they are held here and meet features only, which
    the encoder computes in inference mode; no weight, statistic or random state of
    the training changes. Under a strategy of several replicas the callback runs once,
    on the host.

    Features with NaN or infinity give NaN and a warning, and training goes on: what
    to do about them is for `TerminateOnNaN` and the like.

    Args:
        train: Inputs and labels `(n,)` of the kNN bank and of the probe's fit.
        test: Inputs and labels `(m,)` that are scored.
        k: Most neighbours in the kNN vote: as for final scores, how many vote is
            chosen on the training part (`choose_knn`).
        every: Epochs from one score to the next.
        probe: Whether to fit a linear probe too, which can take longer than an epoch.
        embed: Maps the encoder and inputs to features, `(n, D)`: as it is for images,
            `evaluate.embed_sequences` for recordings. The encoder is the `encoder` of
            the model that is trained, or this model itself where it has none.
        seed: Seed of the probe.

    Raises:
        ValueError: If labels do not fit the inputs, or `k` or `every` is not positive.

    Example:
    >>> x = np.random.default_rng(0).random((32, 4, 4, 1), np.float32)
    >>> y = np.repeat([0, 1], 16)
    >>> model = keras.Sequential(
    ...     [keras.Input((4, 4, 1)), keras.layers.Flatten(), keras.layers.Dense(2)]
    ... )
    >>> model.compile("sgd", "mse")
    >>> scores = OnlineEvaluation((x, y), (x, y), k=1)
    >>> history = model.fit(x, np.zeros((32, 2)), verbose=0, callbacks=[scores])
    >>> history.history["online_knn_accuracy"]
    [1.0]
    """

    def __init__(
        self,
        train: tuple[Inputs, np.ndarray],
        test: tuple[Inputs, np.ndarray],
        *,
        k: int = 20,
        every: int = 1,
        probe: bool = False,
        embed: Callable[..., np.ndarray] = embed,
        seed: int = 0,
    ) -> None:
        super().__init__()
        (train_x, train_y), (test_x, test_y) = train, test
        self._labels: Pair = (
            labels_array("train labels", train_y, len(train_x)),
            labels_array("test labels", test_y, len(test_x)),
        )
        check.at_least(1, k=k, every=every)
        self._features_of: Callable[[keras.Model], Pair] = lambda encoder: (
            embed(encoder, train_x),
            embed(encoder, test_x),
        )
        #: Number of test examples.
        self.examples = len(test_x)
        self.k = k
        self.every = every
        self.probe = probe
        self.seed = seed

    @classmethod
    def from_features(
        cls,
        features_of: Callable[[keras.Model], Pair],
        labels: Pair,
        **options: Any,
    ) -> OnlineEvaluation:
        """Makes one for examples that are encoded together, such as nodes of a graph.

        Args:
            features_of: Gives an encoder's training and test features, `(n, D)` and
                `(m, D)`.
            labels: Integer labels, `(n,)` and `(m,)`.
            **options: `k`, `every`, `probe` and `seed`, as above.

        Returns:
            The callback.

        Raises:
            ValueError: As above.

        Example:
        >>> x, y = np.eye(2), np.array([0, 1])
        >>> OnlineEvaluation.from_features(lambda model: (x, x), (y, y), k=1).k
        1
        """
        train_y, test_y = labels
        made = cls((train_y, train_y), (test_y, test_y), **options)
        made._features_of = features_of
        return made

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Scores the encoder and writes into the epoch's logs."""
        if (epoch + 1) % self.every:
            return
        scores = self.scores(f"after epoch {epoch + 1}")
        if logs is not None:
            logs.update(scores)

    def scores(self, when: str = "now") -> dict[str, float]:
        """Scores the encoder as it is.

        Args:
            when: What a warning calls this moment.

        Returns:
            What goes into the logs.
        """
        train_y, test_y = self._labels
        scores = {"online_knn_accuracy": float("nan")}
        if self.probe:
            scores["online_linear_accuracy"] = float("nan")
        try:
            train_x, test_x = self._features_of(
                getattr(self.model, "encoder", self.model)
            )
            predicted, _ = chosen_knn(train_x, train_y, test_x, self.k, seed=self.seed)
            scores["online_knn_accuracy"] = float(np.mean(hits(predicted, test_y)))
            if self.probe:
                scores["online_linear_accuracy"] = linear_probe(
                    train_x, train_y, test_x, test_y, seed=self.seed
                )
        except NotFiniteError as error:
            warnings.warn(
                f"No online scores {when}: {error}",
                RuntimeWarning,
                stacklevel=2,
            )
        return scores
