# SPDX-License-Identifier: Apache-2.0
"""Methods that compare views of each example."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import keras
import tensorflow as tf

from cl_keras import distribute, heads, metrics
from cl_keras.methods.base import Batch, ContrastiveModel, Outputs
from cl_keras.methods.batches import (
    check_images,
    in_order,
    shapes,
    taken_shape,
    without_none,
)
from cl_keras.specification import only_output, output_shape

# Diagnostics look at this many examples of the global batch at most: their cost
# grows with the square, and a thousand rows estimate a mean well.
DIAGNOSED_ROWS = 1024


class ViewsModel(ContrastiveModel):
    """Views of each example -> an encoder -> a projector -> an objective.

    `encode` returns `features1` (b, F) and `embedding1` (b, D), and so on for each
    view; a method writes `objective`, and may add to `encode` what further networks
    make of the views (`map_views`).

    A batch is `(view1, view2, ...)`, `((view1, view2, ...), labels)` or a dict with
    `"view1"`, `"view2"` and so on. Labels are dropped. Views may be of several sizes
    where the encoder takes them.

    Args:
        encoder: Built model: (batch, ...) -> (batch, features).
        projector: Built model: (batch, features) -> (batch, D). By default the
            two-layer head of SimCLR v1 (`heads.projection_head`).
        **kwargs: Of `keras.Model`.

    Raises:
        ValueError: If projector and encoder do not fit together.
    """

    # How many views a batch may have; None for any number from two on.
    number_of_views: int | None = 2
    # Whether views of one shape are one batch for the encoder, so that batch
    # normalisation sees them together, as in the authors' code of SimCLR.
    together = True
    # Whether first views are rivals of second ones where the other view is sought.
    rivals_within = True
    head_builders: ClassVar[dict[str, Callable[..., keras.Model]]] = {
        "projector": heads.projection_head
    }

    def __init__(
        self,
        encoder: keras.Model,
        projector: keras.Model | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(encoder, **kwargs)
        self.projector = self.fitted("projector", projector, self.encoder)
        self._track(
            "contrastive_accuracy",
            "embedding_std",
            "alignment",
            "uniformity",
            "rank_me",
        )
        # Every part is built: Keras need not trace a symbolic call, which fails
        # for batches of several views under a strategy.
        self.built = True

    def fitted(
        self, name: str, head: keras.Model | None, before: keras.Model
    ) -> keras.Model:
        """Checks a head, or makes one.

        Args:
            name: A key of `head_builders`.
            head: Model from vectors to vectors; None for the method's own.
            before: The model that gives what it gets.

        Returns:
            The head, built.

        Raises:
            ValueError: If it takes or gives anything else.
        """
        width = output_shape(before)[-1]
        head = head or self.head_builders[name](width)
        if not head.built:
            head.build((None, width))
        if head.input_shape[-1] != width or len(head.output_shape) != 2:
            raise ValueError(
                f"`{name}` must map {width} features to embeddings (batch, D). "
                f"Received: input shape {head.input_shape}, output shape "
                f"{head.output_shape}"
            )
        return head

    def unpack(self, data: Batch) -> tuple[tf.Tensor, ...]:
        """Takes the views out of a batch."""
        data = without_none(data)
        count = len(data) if isinstance(data, dict) else 0
        views = in_order(data, [f"view{number + 1}" for number in range(count)])
        counted = len(views) == (self.number_of_views or max(len(views), 2))
        if counted:
            views = tuple(tf.convert_to_tensor(view) for view in views)
            if self.takes_images:
                check_images(type(self).__name__, self.encoder, views[0].shape)
        shape = taken_shape(self.encoder)
        ranks = {x.shape.rank for x in views} if counted else {0}
        fits = counted and all(shape.is_compatible_with(x.shape) for x in views)
        if not fits or len(ranks) > 1 or min(ranks) < 2:
            number = "two views" if self.number_of_views else "two or more views"
            raise ValueError(
                f"{type(self).__name__} trains on {number} of the encoder's shape "
                f"{shape}: (view1, view2), ((view1, view2), labels), or a dict with "
                "'view1' and 'view2'. `cl_keras.data.two_views` makes them from "
                "images: model.fit(data.two_views(images, augment.SimCLRImages(size), "
                f"batch_size)). Received: {shapes(data)}"
            )
        return tuple(self.unit_images(view) for view in views)

    def map_views(
        self, network: keras.layers.Layer, views: Sequence[tf.Tensor], training: bool
    ) -> list[tf.Tensor]:
        """Applies a network to each view.

        Args:
            network: From a batch to one row an example.
            views: Tensors (b, ...).
            training: Whether it is in training mode.

        Returns:
            Its outputs, one a view.
        """
        alike: dict[Any, list[int]] = {}
        for place, view in enumerate(views):
            key = tuple(view.shape[1:]) if self.together else place
            alike.setdefault(key, []).append(place)
        outputs: dict[int, tf.Tensor] = {}
        for places in alike.values():
            joined = tf.concat([views[place] for place in places], axis=0)
            rows = only_output(network(joined, training=training))
            outputs |= dict(zip(places, tf.split(rows, len(places)), strict=True))
        return [outputs[place] for place in range(len(views))]

    def encode(self, inputs: tuple[tf.Tensor, ...], training: bool) -> Outputs:
        """Encodes and projects the views."""
        features = self.map_views(self.encoder, inputs, training)
        embeddings = self.map_views(self.projector, features, training)
        return named("features", features) | named("embedding", embeddings)

    def diagnostics(self, outputs: Outputs) -> Outputs:
        """Computes collapse measures and how often the other view is found.

        All are of the global batch, so they do not depend on the number of
        replicas: an evenly spaced sample of it, `DIAGNOSED_ROWS` at most.
        """
        z1, z2 = (
            tf.cast(_sample(distribute.all_gather(outputs[name])), tf.float32)
            for name in ("embedding1", "embedding2")
        )
        features = _sample(distribute.all_gather(outputs["features1"]))
        return {
            "contrastive_accuracy": _retrieval(z1, z2, self.rivals_within),
            "embedding_std": metrics.embedding_std(z1),
            "alignment": metrics.alignment(z1, z2),
            "uniformity": metrics.uniformity(z1),
            "rank_me": metrics.rank_me(features),
        }


def named(name: str, values: Sequence[tf.Tensor]) -> Outputs:
    """Names what the views gave, counted from 1."""
    return {f"{name}{number}": value for number, value in enumerate(values, start=1)}


def of_views(outputs: Outputs, name: str) -> list[tf.Tensor]:
    """What the views gave, in order: the reverse of `named`."""
    count = sum(key.startswith(name) for key in outputs)
    return [outputs[f"{name}{number}"] for number in range(1, count + 1)]


def _sample(rows: tf.Tensor) -> tf.Tensor:
    """Every k-th row, so that at most `DIAGNOSED_ROWS` remain."""
    count = rows.shape[0] or tf.shape(rows)[0]
    step = -(-count // DIAGNOSED_ROWS)
    return rows[::step]


def _retrieval(z1: tf.Tensor, z2: tf.Tensor, rivals_within: bool) -> tf.Tensor:
    """Share of first views whose nearest embedding of all is their other view."""
    z1, z2 = tf.math.l2_normalize(z1, -1), tf.math.l2_normalize(z2, -1)
    positive = tf.reduce_sum(z1 * z2, axis=-1)
    lowest = tf.fill(tf.shape(positive), tf.float32.min)

    def nearest(others: tf.Tensor) -> tf.Tensor:
        products = tf.matmul(z1, others, transpose_b=True)
        return tf.reduce_max(tf.linalg.set_diag(products, lowest), axis=-1)

    rivals = nearest(z2)
    if rivals_within:
        rivals = tf.maximum(rivals, nearest(z1))
    # Strictly nearer: in a collapsed space all distances tie, and none is found.
    return tf.reduce_mean(tf.cast(positive > rivals, tf.float32))
