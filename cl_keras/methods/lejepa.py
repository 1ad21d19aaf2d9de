# SPDX-License-Identifier: Apache-2.0
"""LeJEPA.

Balestriero and LeCun (2025), LeJEPA: Provable and Scalable Self-Supervised Learning
Without the Heuristics, arXiv:2511.08544; algorithms 1 and 2.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import keras
import tensorflow as tf

from cl_keras import check, heads, losses
from cl_keras.methods.base import Outputs
from cl_keras.methods.random_states import seed_generator
from cl_keras.methods.views_model import ViewsModel, of_views


@keras.saving.register_keras_serializable(package="cl_keras")
class LeJEPA(ViewsModel):
    """Brings views together while embeddings keep a standard Gaussian's distribution.

    There are neither negatives nor a target network, and gradients flow everywhere.

    Args:
        encoder: Built model: (batch, H, W, C) -> (batch, features). What is kept.
        projector: Built model: (batch, features) -> (batch, D). By default three
            layers, D being 16.
        weight: Of the distribution, from 0 to 1; the rest is the views' agreement.
        directions: Random directions along which distributions are compared.
        global_views: Number of views, the first ones, whose mean all are brought to.
        seed: Of the directions, which are new at each step; drawn if None.
        **kwargs: Of `ViewsModel`.

    Raises:
        ValueError: If a number is out of range or parts do not fit.

    Reference:
        Balestriero and LeCun (2025), algorithms 1 and 2.

    Example:
    >>> model = LeJEPA(encoders.compact_resnet(blocks=1))
    >>> model.compile(keras.optimizers.AdamW(1e-3))
    >>> crops = augment.MultiCropImages(size=32, local_views=2)
    >>> views = data.two_views(images, crops, batch_size=64)
    >>> history = model.fit(views, epochs=1, verbose=0)
    """

    number_of_views = None
    head_builders = {
        "projector": partial(
            heads.projection_head, depth=3, hidden=2048, width=16, last_norm=False
        )
    }

    def __init__(
        self,
        encoder: keras.Model,
        projector: keras.Model | None = None,
        weight: float = 0.02,
        directions: int = 256,
        global_views: int = 2,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        check.between(0, 1, weight=weight)
        check.at_least(1, directions=directions, global_views=global_views)
        super().__init__(encoder, projector, **kwargs)
        self.weight, self.directions = weight, directions
        self.global_views = global_views
        self.seeds = seed_generator(seed)
        self._track("invariance", "sigreg")

    def objective(self, outputs: Outputs) -> Outputs:
        """Squared distances from the mean of global views, and SIGReg."""
        views = of_views(outputs, "embedding")
        center = tf.add_n(views[: self.global_views]) / self.global_views
        squares = [tf.reduce_mean(tf.square(x - center), axis=-1) for x in views]
        seed = tf.cast(self.seeds.next(), tf.int64)
        drawn = tf.random.stateless_normal([views[0].shape[-1], self.directions], seed)
        columns = tf.math.l2_normalize(drawn, axis=0)
        statistics = [losses.sigreg(x, columns) for x in views]
        return {
            "invariance": (1.0 - self.weight) * tf.add_n(squares) / len(views),
            "sigreg": self.weight * tf.add_n(statistics) / len(views),
        }
