# SPDX-License-Identifier: Apache-2.0
"""Methods that compare two views of each example."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from cl_keras import distribute, heads
from cl_keras.evaluate import representation
from cl_keras.methods.base import ContrastiveModel, Outputs
from cl_keras.methods.batches import check_images, shapes, without_none
from cl_keras.specification import output_shape

# Diagnostics look at this many examples of the global batch at most: their cost
# grows with the square, and a thousand rows estimate a mean well.
DIAGNOSED_ROWS = 1024


class JointEmbeddingModel(ContrastiveModel):
    """Two views -> one encoder -> one projector -> an objective on embeddings.

    Both views pass through the encoder in one call, as one batch of 2b, so that
    batch normalisation sees them together, as in the authors' code of SimCLR.
    `encode` returns `features1`, `features2` (b, F) and `embedding1`,
    `embedding2` (b, D); a method writes `objective`.

    A batch is `(view1, view2)`, `((view1, view2), labels)` or a dict with
    `"view1"` and `"view2"`. Labels are dropped.

    Args:
        encoder: Built model: (batch, ...) -> (batch, features).
        projector: Built model: (batch, features) -> (batch, D). By default the
            two-layer head of SimCLR v1 (`heads.projection_head`).
        **kwargs: Of `keras.Model`.

    Raises:
        ValueError: If projector and encoder do not fit together.
    """

    def __init__(
        self,
        encoder: keras.Model,
        projector: keras.Model | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(encoder, **kwargs)
        width = output_shape(self.encoder)[-1]
        self.projector = projector or heads.projection_head(width)
        if not self.projector.built:
            self.projector.build((None, width))
        _check_projector(self.projector, width)
        self._track(
            "contrastive_accuracy",
            "embedding_std",
            "alignment",
            "uniformity",
            "rank_me",
        )
        # Every part is built: Keras need not trace a symbolic call, which fails
        # for two-view batches under a strategy.
        self.built = True

    def unpack(self, data: Any) -> tuple[tf.Tensor, tf.Tensor]:
        """Takes the two views out of a batch."""
        views: tuple[Any, ...] = ()
        data = without_none(data)
        if isinstance(data, dict) and {"view1", "view2"} <= set(data):
            views = (data["view1"], data["view2"])
        elif isinstance(data, tuple | list) and len(data) >= 1:
            nested = isinstance(data[0], tuple | list)
            views = tuple(data[0]) if nested else tuple(data)
        if len(views) == 2:
            views = tuple(tf.convert_to_tensor(view) for view in views)
        alike = len(views) == 2 and (
            views[0].shape[1:] == views[1].shape[1:] and views[0].shape.rank >= 2
        )
        if not alike:
            raise ValueError(
                f"{type(self).__name__} trains on two views of the same shape: "
                "(view1, view2), ((view1, view2), labels), or a dict with 'view1' "
                "and 'view2'. `cl_keras.data.two_views` makes them from images: "
                "model.fit(data.two_views(images, augment.SimCLRImages(size), "
                f"batch_size)). Received: {shapes(data)}"
            )
        if self.takes_images:
            check_images(type(self).__name__, self.encoder, views[0].shape)
            views = tuple(self.unit_images(view) for view in views)
        return views[0], views[1]

    def encode(self, inputs: tuple[tf.Tensor, tf.Tensor], training: bool) -> Outputs:
        """Encodes and projects both views in one pass."""
        features = self.encoder(tf.concat(inputs, axis=0), training=training)
        embeddings = self.projector(features, training=training)
        features1, features2 = tf.split(features, 2)
        embedding1, embedding2 = tf.split(embeddings, 2)
        return {
            "features1": features1,
            "features2": features2,
            "embedding1": embedding1,
            "embedding2": embedding2,
        }

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
            "contrastive_accuracy": _retrieval(z1, z2),
            "embedding_std": representation.embedding_std(z1),
            "alignment": representation.alignment(z1, z2),
            "uniformity": representation.uniformity(z1),
            "rank_me": representation.rank_me(features),
        }

    def get_config(self) -> dict[str, Any]:
        """Returns what `from_config` rebuilds this model from."""
        return {
            **super().get_config(),
            "projector": keras.saving.serialize_keras_object(self.projector),
        }


def _sample(rows: tf.Tensor) -> tf.Tensor:
    """Every k-th row, so that at most `DIAGNOSED_ROWS` remain."""
    count = rows.shape[0] or tf.shape(rows)[0]
    step = -(-count // DIAGNOSED_ROWS)
    return rows[::step]


def _retrieval(z1: tf.Tensor, z2: tf.Tensor) -> tf.Tensor:
    """Share of first views whose nearest embedding of all is their other view."""
    z1, z2 = tf.math.l2_normalize(z1, -1), tf.math.l2_normalize(z2, -1)
    positive = tf.reduce_sum(z1 * z2, axis=-1)
    across = tf.matmul(z1, z2, transpose_b=True)
    within = tf.matmul(z1, z1, transpose_b=True)
    lowest = tf.fill(tf.shape(positive), tf.float32.min)
    rivals = tf.maximum(
        tf.reduce_max(tf.linalg.set_diag(across, lowest), axis=-1),
        tf.reduce_max(tf.linalg.set_diag(within, lowest), axis=-1),
    )
    # Strictly nearer: in a collapsed space all distances tie, and none is found.
    return tf.reduce_mean(tf.cast(positive > rivals, tf.float32))


def _check_projector(projector: keras.Model, width: int) -> None:
    if projector.input_shape[-1] != width or len(projector.output_shape) != 2:
        raise ValueError(
            f"`projector` must map the encoder's {width} features to embeddings "
            f"(batch, D). Received: input shape {projector.input_shape}, output "
            f"shape {projector.output_shape}"
        )
