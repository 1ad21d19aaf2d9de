# SPDX-License-Identifier: Apache-2.0
"""Barlow Twins.

Zbontar, Jing, Misra, LeCun and Deny (2021), Barlow Twins: Self-Supervised Learning via
Redundancy Reduction, arXiv:2103.03230; equations 1 and 2.

Deviation: the projector's last layer has batch normalisation, without effect on a loss
that standardises what it gets.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import keras

from cl_keras import check, heads, losses
from cl_keras.methods.base import Outputs
from cl_keras.methods.views_model import ViewsModel


@keras.saving.register_keras_serializable(package="cl_keras")
class BarlowTwins(ViewsModel):
    """Makes the same dimensions of two views agree, and different ones not.

    Args:
        encoder: Built model: (batch, H, W, C) -> (batch, features). What is kept.
        projector: Built model: (batch, features) -> (batch, D). By default three
            layers of 2,048 units; the paper's have 8,192.
        redundancy_weight: Of the correlations of different dimensions.
        loss_scale: Of the loss as a whole, as in the authors' code: with LARS or Adam
            it changes little, with SGD it is a factor of the learning rate.
        **kwargs: Of `ViewsModel`.

    Raises:
        ValueError: If a weight is not positive or parts do not fit.

    Reference:
        Zbontar et al. (2021), equations 1 and 2.

    Example:
    >>> model = BarlowTwins(encoders.compact_resnet(blocks=1))
    >>> model.compile(keras.optimizers.AdamW(1e-3))
    >>> views = data.two_views(images, augment.BYOLImages(size=32), batch_size=64)
    >>> history = model.fit(views, epochs=1, verbose=0)
    >>> model.predict(data.batches(images), verbose=0).shape
    (256, 128)
    """

    together = False
    head_builders = {
        "projector": partial(heads.projection_head, depth=3, hidden=2048, width=2048)
    }

    def __init__(
        self,
        encoder: keras.Model,
        projector: keras.Model | None = None,
        redundancy_weight: float = 0.005,
        loss_scale: float = 0.1,
        **kwargs: Any,
    ) -> None:
        check.positive(redundancy_weight=redundancy_weight, loss_scale=loss_scale)
        super().__init__(encoder, projector, **kwargs)
        self.redundancy_weight = redundancy_weight
        self.loss_scale = loss_scale
        self._track("invariance", "redundancy")

    def objective(self, outputs: Outputs) -> Outputs:
        """Distance of the views' correlations from the identity."""
        invariance, redundancy = losses.barlow_twins(
            outputs["embedding1"], outputs["embedding2"]
        )
        return {
            "invariance": self.loss_scale * invariance,
            "redundancy": self.loss_scale * self.redundancy_weight * redundancy,
        }
