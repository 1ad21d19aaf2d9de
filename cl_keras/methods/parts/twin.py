# SPDX-License-Identifier: Apache-2.0
"""A second network that follows the first and is never trained."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from cl_keras import check, distribute, specification
from cl_keras.rebuilding import rebuilt, reseeding


class Twin(keras.layers.Layer):
    """Copies of a method's networks, one behind the other, that follow theirs.

    They start equal. `follow`, called once after each optimizer step, moves each weight
    by the exponential moving average; statistics of batch normalisation do not follow:
    in training mode the copies normalise with their own batch. No gradient flows.

    Args:
        model: The method.
        names: Its networks' attributes; the first takes the inputs.
        momentum: Share of the old weights that stays at each step. Where the method has
            `total_steps`, it rises to 1 along a cosine until then.
        **kwargs: Of `keras.layers.Layer`.

    Raises:
        ValueError: If the momentum is not in [0, 1].

    Reference: Grill et al. (2020), Bootstrap Your Own Latent, arXiv:2006.07733,
    equation 1 and section 3.2 (cosine).
    """

    def __init__(
        self, model: Any, names: Sequence[str], momentum: float, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        check.between(0, 1, momentum=momentum)
        self.momentum = momentum
        self.names = tuple(names)
        self.copies = [_copy(getattr(model, name)) for name in names]
        self.built = True

    @property
    def trainable(self) -> bool:
        """False; the copies' layers stay in training mode all the same."""
        return False

    @trainable.setter
    def trainable(self, value: bool) -> None:
        """Does nothing: Keras sets it on all layers of a model."""

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Computes the copies' outputs."""
        for copy in self.copies:
            inputs = specification.only_output(copy(inputs, training=training))
        return tf.stop_gradient(inputs)

    def follow(self, model: Any) -> None:
        """Moves the weights towards the method's, after a step of its optimizer."""
        momentum: Any = self.momentum
        if model.total_steps is not None:
            momentum = rising(momentum, model.optimizer.iterations, model.total_steps)
        for name, copy in zip(self.names, self.copies, strict=True):
            weights = getattr(model, name).weights
            for average, weight in zip(copy.weights, weights, strict=True):
                if weight.trainable:
                    distribute.ema(average, weight, momentum)


def rising(start: float, step: Any, total_steps: int) -> tf.Tensor:
    """Momentum that rises to 1 along a cosine."""
    done = tf.minimum(tf.cast(step, tf.float32) / total_steps, 1.0)
    return 1.0 - (1.0 - start) * (tf.cos(math.pi * done) + 1.0) / 2.0


def _copy(model: keras.Model) -> keras.Model:
    copy = rebuilt(model, reseeding(random.Random(0)))
    copy.set_weights(model.get_weights())
    for variable in copy.trainable_variables:
        # Not its layer: batch normalisation of one would not look at its batch.
        variable.trainable = False
    return copy
