# SPDX-License-Identifier: Apache-2.0
"""Views that grow while a run trains: small ones cost less, and teach as well."""

from __future__ import annotations

import dataclasses
from typing import Any, Self

import keras
import tensorflow as tf

from cl_keras import check, methods
from cl_keras.runs.config import LARGEST_SIDE, TrainConfig


@dataclasses.dataclass(frozen=True)
class ViewSizes:
    """Sides of the views, each in an equal part of the training's epochs.

    Attributes:
        sides: In pixels, in the order of training.
        epochs: Of the whole training.
    """

    sides: tuple[int, ...]
    epochs: int

    @classmethod
    def of(cls, config: TrainConfig) -> Self | None:
        """Reads the setting `data.view_sizes` of a run, if it is given."""
        given = config.part("data").get("view_sizes")
        if given is None:
            return None
        sides = tuple(given) if isinstance(given, list | tuple) else (given,)
        if not sides or not all(isinstance(side, int) for side in sides):
            raise ValueError(
                "Expected data.view_sizes to be sides in pixels, such as [20, 24, 32]. "
                f"Received: {given!r}"
            )
        check.between(1, LARGEST_SIDE, smallest_view=min(sides), largest=max(sides))
        if methods.get(config.method).views < 2:
            raise ValueError(
                "Expected data.view_sizes with a method of views, such as simclr. "
                f"Received: {config.method}"
            )
        if len(sides) > config.epochs:
            raise ValueError(
                "Expected an epoch or more for each of data.view_sizes. "
                f"Received: {list(sides)} and {config.epochs} epochs"
            )
        return cls(sides, config.epochs)

    def turns(self) -> list[int]:
        """Epochs that begin with the next side."""
        parts = len(self.sides)
        return [part * self.epochs // parts for part in range(1, parts)]

    def side(self, epoch: int) -> int:
        """The side of an epoch's views, counted from 0."""
        return self.sides[sum(turn <= epoch for turn in self.turns())]

    def check(self, encoder: keras.Model) -> None:
        """Refuses an encoder that takes images of its own size alone."""
        channels = encoder.input_shape[-1]
        signature = [tf.TensorSpec((None, None, None, channels))]
        features = tf.function(
            lambda images: encoder(images, training=False), input_signature=signature
        )
        try:
            for side in self.sides:
                features(tf.zeros((1, side, side, channels)))
        except (TypeError, ValueError, tf.errors.OpError) as error:
            raise ValueError(
                f"Expected an encoder that takes images of {side} pixels, as "
                f"data.view_sizes says, such as compact_conv. Received: {encoder.name}"
            ) from error


def of_any_size(*batch: Any) -> Any:
    """Hides height and width of views, so that one step is traced for all sizes."""

    def hidden(tensor: tf.Tensor) -> tf.Tensor:
        if len(tensor.shape) != 4:
            return tensor
        shape = (tensor.shape[0], None, None, tensor.shape[-1])
        return tf.raw_ops.PlaceholderWithDefault(input=tensor, shape=shape)

    return tf.nest.map_structure(hidden, batch)
