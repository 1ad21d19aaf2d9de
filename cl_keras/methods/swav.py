# SPDX-License-Identifier: Apache-2.0
"""SwAV.

Caron, Misra, Mairal, Goyal, Bojanowski and Joulin (2020), Unsupervised Learning of
Visual Features by Contrasting Cluster Assignments, arXiv:2006.09882; equations 2 and 6,
algorithm 1.

Deviations: the queue takes part from the first step on, where the authors wait some
epochs; prototypes are trained from the first step on; their length is that of
`heads.Prototypes`.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import keras
import tensorflow as tf

from cl_keras import check, heads, losses
from cl_keras.losses.similarity import check_temperature, unit_rows
from cl_keras.methods.base import Outputs
from cl_keras.methods.parts import Queue
from cl_keras.methods.views_model import ViewsModel, named, of_views


@keras.saving.register_keras_serializable(package="cl_keras")
class SwAV(ViewsModel):
    """Predicts, from one view, which prototypes the other is assigned to.

    Assignments use all prototypes alike (`losses.sinkhorn`), which keeps them from
    becoming one. Those of the first views, the global ones, are predicted from all
    others.

    Args:
        encoder: Built model: (batch, H, W, C) -> (batch, features). What is kept.
        prototypes: Built model: (batch, D) -> (batch, K) cosines. By default
            `heads.prototype_head`.
        temperature: Of the predictions.
        epsilon: Temperature of the assignments.
        global_views: Number of views, the first ones, that are assigned.
        queue_size: Past embeddings of each of these that share the prototypes with
            the batch, for batches smaller than the number of prototypes; 0 for none.
        seed: Of the rows that queues start with.
        **kwargs: `projector`, by default two layers, and others of `ViewsModel`.

    Raises:
        ValueError: If a number is out of range or parts do not fit.

    Reference:
        Caron et al. (2020), equations 2 and 6.

    Example:
    >>> model = SwAV(encoders.compact_resnet(blocks=1))
    >>> model.compile(keras.optimizers.AdamW(1e-3))
    >>> crops = augment.MultiCropImages(size=32, local_views=2)
    >>> views = data.two_views(images, crops, batch_size=64)
    >>> history = model.fit(views, epochs=1, verbose=0)
    """

    number_of_views = None
    together = False
    head_builders = {
        "projector": partial(
            heads.projection_head, hidden=2048, width=128, last_norm=False
        ),
        "prototypes": heads.prototype_head,
    }

    def __init__(
        self,
        encoder: keras.Model,
        prototypes: keras.Model | None = None,
        temperature: float = 0.1,
        epsilon: float = 0.05,
        global_views: int = 2,
        queue_size: int = 0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        check_temperature(temperature)
        check.positive(epsilon=epsilon)
        check.at_least(1, global_views=global_views)
        check.at_least(0, queue_size=queue_size)
        super().__init__(encoder, **kwargs)
        self.prototypes = self.fitted("prototypes", prototypes, self.projector)
        self.temperature, self.epsilon = temperature, epsilon
        self.global_views = global_views
        width = self.projector.output_shape[-1]
        self.queues = [
            Queue(queue_size, width, None if seed is None else seed + place)
            for place in range(global_views if queue_size else 0)
        ]

    def encode(self, inputs: tuple[tf.Tensor, ...], training: bool) -> Outputs:
        """Adds each view's cosines with the prototypes."""
        outputs = super().encode(inputs, training)
        embeddings = of_views(outputs, "embedding")
        scores = self.map_views(self.prototypes, embeddings, training)
        return outputs | named("score", scores)

    def objective(self, outputs: Outputs) -> Outputs:
        """Cross-entropy of assignments and predictions, the mean over pairs."""
        scores = of_views(outputs, "score")
        targets = [
            losses.sinkhorn(own, self.epsilon, further=self._queued(place))
            for place, own in enumerate(scores[: self.global_views])
        ]
        loss = losses.swapped_prediction(targets, scores, self.temperature)
        return {"swapped_prediction": loss}

    def after_update(self, outputs: Outputs) -> None:
        """Queues the embeddings of global views."""
        for queue, rows in zip(
            self.queues, of_views(outputs, "embedding"), strict=False
        ):
            queue.push(unit_rows(rows))

    def _queued(self, place: int) -> tf.Tensor | None:
        """Cosines of a view's past embeddings with the prototypes of now."""
        if not self.queues:
            return None
        return self.prototypes(tf.convert_to_tensor(self.queues[place].rows))
