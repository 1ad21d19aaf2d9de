# SPDX-License-Identifier: Apache-2.0
"""Methods that compare two kinds of inputs, each with an encoder of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf

from cl_keras.methods.base import Batch, Outputs
from cl_keras.methods.batches import in_order, shapes, taken_shape, without_none
from cl_keras.methods.encoder import checked_encoder
from cl_keras.methods.views_model import ViewsModel, named
from cl_keras.preprocessing.pixels import unit_pixels
from cl_keras.specification import only_output, takes_images


class PairModel(ViewsModel):
    """Pairs of inputs -> two encoders -> two projectors -> an objective.

    Each encoder is a model of its own, to be saved, exported, evaluated and served:
    `model.encoders["watch"].save("watch.keras")`. The first is also `model.encoder`,
    which a call of the model runs.

    A batch is `(first, second)`, `((first, second), labels)` or a dict with the names
    of the encoders. Labels are dropped.

    Args:
        encoders: Two built models by name: (batch, ...) -> (batch, features).
        projectors: Built models by the same names, to embeddings of one width. By
            default those of the method.
        **kwargs: Of `keras.Model`.

    Raises:
        ValueError: If there are not two encoders, projectors have other names, or
            parts do not fit together.
    """

    # Nearest among the other kind: inputs of one kind are no candidates.
    rivals_within = False

    def __init__(
        self,
        encoders: Mapping[str, keras.Model],
        projectors: Mapping[str, keras.Model] | None = None,
        **kwargs: Any,
    ) -> None:
        if len(encoders) != 2:
            raise ValueError(
                "`encoders` must be two models by name, such as {'phone': ..., "
                f"'watch': ...}}. Received: {list(encoders)}"
            )
        projectors = projectors or {}
        if not set(projectors) <= set(encoders):
            raise ValueError(
                f"`projectors` must have the names of the encoders, {list(encoders)}. "
                f"Received: {list(projectors)}"
            )
        first, second = encoders
        super().__init__(encoders[first], projectors.get(first), **kwargs)
        other = checked_encoder(encoders[second])
        head = self.fitted("projector", projectors.get(second), other)
        self.encoders = {first: self.encoder, second: other}
        self.projectors = {first: self.projector, second: head}
        widths = {name: x.output_shape[-1] for name, x in self.projectors.items()}
        if len({*widths.values()}) > 1:
            raise ValueError(
                f"`projectors` must give embeddings of one width. Received: {widths}"
            )

    def unpack(self, data: Batch) -> tuple[tf.Tensor, ...]:
        """Takes the two inputs out of a batch."""
        data = without_none(data)
        pair = in_order(data, [*self.encoders])
        taken = {name: taken_shape(x) for name, x in self.encoders.items()}
        counted = len(pair) == len(taken)
        if counted:
            pair = tuple(tf.convert_to_tensor(part) for part in pair)
        if not counted or not all(
            shape.is_compatible_with(part.shape)
            for shape, part in zip(taken.values(), pair, strict=True)
        ):
            first, second = self.encoders
            raise ValueError(
                f"{type(self).__name__} trains on pairs of the encoders' shapes, "
                f"{taken}: ({first}, {second}), (({first}, {second}), labels), or a "
                f"dict with {first!r} and {second!r}. Received: {shapes(data)}"
            )
        return tuple(
            unit_pixels(part) if takes_images(encoder) else part
            for encoder, part in zip(self.encoders.values(), pair, strict=True)
        )

    def check_batch(self, data: Batch) -> None:
        """Looks at a batch before the step: XLA leaves the checks inside it out."""
        self.unpack(data)

    def encode(self, inputs: tuple[tf.Tensor, ...], training: bool) -> Outputs:
        """Encodes and projects each input by its own networks."""
        features, embeddings = [], []
        for name, part in zip(self.encoders, inputs, strict=True):
            features.append(only_output(self.encoders[name](part, training=training)))
            head = self.projectors[name]
            embeddings.append(only_output(head(features[-1], training=training)))
        return named("features", features) | named("embedding", embeddings)
