# SPDX-License-Identifier: Apache-2.0
"""The entrances of a model that gives all examples the same weight."""

from __future__ import annotations

import inspect
import types
from typing import Any

import keras

from cl_keras import distribute
from cl_keras.methods.random_states import RandomStates

_WEIGHTS = ("class_weight", "sample_weight")
_SIGNATURES = {
    name: inspect.signature(getattr(keras.Model, name))
    for name in ("fit", "evaluate", "train_on_batch", "test_on_batch")
}


class UnweightedModel(RandomStates):
    """Keras's `fit` and `evaluate` without weights of examples or classes.

    Each example counts as much as another, as a positive and among the negatives of
    the others; labels, and so classes, are not seen. Weights are refused, since Keras
    would drop them without a word.
    """

    def fit(self, *args: Any, **kwargs: Any) -> keras.callbacks.History:
        """Trains as `keras.Model.fit` does.

        Args:
            *args: Of `keras.Model.fit`.
            **kwargs: Of `keras.Model.fit`, but for weights.

        Returns:
            Losses and metrics of each epoch.

        Raises:
            ValueError: If weights of examples or classes are given.
        """
        given = self._arguments("fit", args, kwargs)
        x = given.get("x")
        if distribute.is_dataset(x) or isinstance(x, types.GeneratorType):
            # Keras would warn that it does not shuffle them.
            given.setdefault("shuffle", False)
        validation = given.get("validation_data")
        if isinstance(validation, tuple | list) and len(validation) == 3:
            raise self._refusal("`validation_data` of three parts")
        return super().fit(**given)

    def evaluate(self, *args: Any, **kwargs: Any) -> Any:
        """Evaluates as `keras.Model.evaluate` does.

        Args:
            *args: Of `keras.Model.evaluate`.
            **kwargs: Of `keras.Model.evaluate`, but for weights.

        Returns:
            Losses and metrics, means over all examples.

        Raises:
            ValueError: If weights of examples are given.
        """
        return super().evaluate(**self._arguments("evaluate", args, kwargs))

    def train_on_batch(self, *args: Any, **kwargs: Any) -> Any:
        """Trains as `keras.Model.train_on_batch` does.

        Args:
            *args: Of `keras.Model.train_on_batch`.
            **kwargs: Of `keras.Model.train_on_batch`, but for weights.

        Returns:
            Losses and metrics.

        Raises:
            ValueError: If weights of examples or classes are given.
        """
        return super().train_on_batch(**self._arguments("train_on_batch", args, kwargs))

    def test_on_batch(self, *args: Any, **kwargs: Any) -> Any:
        """Evaluates as `keras.Model.test_on_batch` does.

        Args:
            *args: Of `keras.Model.test_on_batch`.
            **kwargs: Of `keras.Model.test_on_batch`, but for weights.

        Returns:
            Losses and metrics.

        Raises:
            ValueError: If weights of examples are given.
        """
        return super().test_on_batch(**self._arguments("test_on_batch", args, kwargs))

    def _arguments(
        self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> dict[str, Any]:
        given = dict(_SIGNATURES[name].bind(self, *args, **kwargs).arguments)
        del given["self"]
        given |= given.pop("kwargs", {})
        for weights in _WEIGHTS:
            if given.get(weights) is not None:
                raise self._refusal(f"`{weights}`")
        return given

    def _check_unweighted(self, data: Any) -> None:
        """Checks a batch of Keras's form (inputs, labels, weights)."""
        parts = data if isinstance(data, tuple | list) else ()
        if len(parts) == 3 and len(getattr(parts[2], "shape", (0, 0))) < 2:
            raise self._refusal("a batch of three parts (inputs, labels, weights)")

    def _refusal(self, received: str) -> ValueError:
        return ValueError(
            f"{type(self).__name__} trains without labels and gives all examples the "
            "same weight: Expected no weights; leave examples out of the data, or "
            f"repeat them, to change how much they count. Received: {received}"
        )
