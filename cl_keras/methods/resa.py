# SPDX-License-Identifier: Apache-2.0
"""ReSA.

Weng, An, Ma, Zhang, Luo, Wu, Dong and Huang (2025), Clustering Properties of
Self-Supervised Learning, arXiv:2501.18452; section 4, with the authors' code.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import keras
import tensorflow as tf

from cl_keras import check, distribute, heads, losses
from cl_keras.losses.similarity import check_temperature, unit_rows
from cl_keras.methods.base import Outputs
from cl_keras.methods.parts import Twin
from cl_keras.methods.views_model import ViewsModel, named, of_views


@keras.saving.register_keras_serializable(package="cl_keras")
class ReSA(ViewsModel):
    """Finds all images that the encoder takes for alike, not only the other view.

    Features of first views, by the encoder and by a slowly following one, say how alike
    the images of a batch are (`losses.sinkhorn`); embeddings learn it.

    Args:
        encoder: Built model: (batch, H, W, C) -> (batch, features). What is kept.
        projector: Built model: (batch, features) -> (batch, D). By default three
            layers.
        temperature: Of the cross-entropy.
        epsilon: Temperature of the assignments.
        momentum: Share of the following networks that stays at each step.
        global_views: Number of views, the first ones, that those networks see.
        **kwargs: Of `ViewsModel`.

    Raises:
        ValueError: If a number is out of range or parts do not fit.

    Reference:
        Weng et al. (2025), section 4.

    Example:
    >>> model = ReSA(encoders.compact_resnet(blocks=1))
    >>> model.compile(keras.optimizers.AdamW(1e-3))
    >>> views = data.two_views(images, augment.SimCLRImages(size=32), batch_size=64)
    >>> history = model.fit(views, epochs=1, verbose=0)
    """

    number_of_views = None
    together = False
    head_builders = {
        "projector": partial(heads.projection_head, depth=3, hidden=2048, width=512)
    }

    def __init__(
        self,
        encoder: keras.Model,
        projector: keras.Model | None = None,
        temperature: float = 0.4,
        epsilon: float = 0.05,
        momentum: float = 0.996,
        global_views: int = 2,
        **kwargs: Any,
    ) -> None:
        check_temperature(temperature)
        check.positive(epsilon=epsilon)
        check.at_least(1, global_views=global_views)
        super().__init__(encoder, projector, **kwargs)
        self.temperature, self.epsilon = temperature, epsilon
        self.global_views = global_views
        self.target_encoder = Twin(self, ("encoder",), momentum)
        self.target_projector = Twin(self, ("projector",), momentum)

    def encode(self, inputs: tuple[tf.Tensor, ...], training: bool) -> Outputs:
        """Adds what the following networks make of global views."""
        views = inputs[: self.global_views]
        features = self.map_views(self.target_encoder, views, training)
        targets = self.map_views(self.target_projector, features, training)
        outputs = super().encode(inputs, training) | named("target", targets)
        return outputs | {"alike": features[0]}

    def objective(self, outputs: Outputs) -> Outputs:
        """Cross-entropy of assignments and cosines, the mean over pairs of views."""
        alike = distribute.all_gather(unit_rows(outputs["alike"]))
        cosines = tf.matmul(unit_rows(outputs["features1"]), alike, transpose_b=True)
        assigned = losses.sinkhorn(cosines, self.epsilon)
        queries = [unit_rows(rows) for rows in of_views(outputs, "embedding")]
        keys = [
            distribute.all_gather(unit_rows(rows))
            for rows in of_views(outputs, "target")
        ]
        entropies = [
            tf.nn.softmax_cross_entropy_with_logits(
                assigned, tf.matmul(query, key, transpose_b=True) / self.temperature
            )
            for own, query in enumerate(queries)
            for other, key in enumerate(keys)
            if own != other
        ]
        return {"assignment": tf.add_n(entropies) / len(entropies)}

    def after_update(self, outputs: Outputs) -> None:
        """Moves the following networks."""
        self.target_encoder.follow(self)
        self.target_projector.follow(self)
