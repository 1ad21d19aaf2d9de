# SPDX-License-Identifier: Apache-2.0
"""NNCLR.

Dwibedi, Aytar, Tompson, Sermanet and Zisserman (2021), With a Little Help from My
Friends: Nearest-Neighbor Contrastive Learning of Visual Representations,
arXiv:2104.14548; equations 2 to 4.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import keras
import tensorflow as tf

from cl_keras import heads, losses
from cl_keras.losses.similarity import check_temperature, unit_rows
from cl_keras.methods.base import Outputs
from cl_keras.methods.parts import Queue
from cl_keras.methods.predictor_model import PredictorModel, crossed


@keras.saving.register_keras_serializable(package="cl_keras")
class NNCLR(PredictorModel):
    """Finds, by the nearest past embedding of one view, the other view's prediction.

    The neighbours are other images of the same kind: more variety than two views of
    one image have.

    Args:
        encoder: Built model: (batch, H, W, C) -> (batch, features). What is kept.
        predictor: Built model: (batch, D) -> (batch, D). By default two layers.
        temperature: Of the InfoNCE loss.
        queue_size: Past embeddings among which neighbours are looked for. The paper's
            98,304 are for a million images.
        seed: Of the rows that the queue starts with.
        **kwargs: `projector`, by default three layers, and others of `ViewsModel`.

    Raises:
        ValueError: If a number is out of range or parts do not fit.

    Reference:
        Dwibedi et al. (2021), equations 2 to 4.

    Example:
    >>> model = NNCLR(encoders.compact_resnet(blocks=1), queue_size=512)
    >>> model.compile(keras.optimizers.AdamW(1e-3))
    >>> views = data.two_views(images, augment.SimCLRImages(size=32), batch_size=64)
    >>> history = model.fit(views, epochs=1, verbose=0)
    >>> model.predict(data.batches(images), verbose=0).shape
    (256, 128)
    """

    head_builders = {
        "projector": partial(heads.projection_head, depth=3, hidden=2048, width=256),
        "predictor": partial(heads.byol_head, hidden=4096, width=256),
    }

    def __init__(
        self,
        encoder: keras.Model,
        predictor: keras.Model | None = None,
        temperature: float = 0.1,
        queue_size: int = 4096,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        check_temperature(temperature)
        super().__init__(encoder, predictor, **kwargs)
        self.temperature = temperature
        self.queue = Queue(queue_size, self.projector.output_shape[-1], seed)

    def neighbors(self, embedding: tf.Tensor) -> tf.Tensor:
        """The nearest row of the queue to each embedding.

        Args:
            embedding: (b, D).

        Returns:
            (b, D) float32 of length 1, without gradient.
        """
        past = tf.convert_to_tensor(self.queue.rows)
        products = tf.matmul(unit_rows(embedding), past, transpose_b=True)
        return tf.stop_gradient(tf.gather(past, tf.argmax(products, axis=-1)))

    def objective(self, outputs: Outputs) -> Outputs:
        """InfoNCE from neighbours to predictions, the mean of both directions."""
        both = [
            losses.info_nce(self.neighbors(embedding), prediction, self.temperature)
            for prediction, embedding in crossed(outputs, "embedding")
        ]
        return {"info_nce": tf.add_n(both) / 2.0}

    def after_update(self, outputs: Outputs) -> None:
        """Queues the embeddings of first views."""
        self.queue.push(unit_rows(outputs["embedding1"]))

    def negatives_per_query(self, batch_size: int) -> int:
        """The predictions of all other images."""
        return batch_size - 1
