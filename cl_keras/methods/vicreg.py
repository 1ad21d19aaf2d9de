# SPDX-License-Identifier: Apache-2.0
"""VICReg.

Bardes, Ponce and LeCun (2022), VICReg: Variance-Invariance-Covariance Regularization
for Self-Supervised Learning, arXiv:2105.04906; equations 1 to 6.

Deviation: the variance is the mean of both views' as in the authors' code.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import keras

from cl_keras import check, heads, losses
from cl_keras.methods.base import Outputs
from cl_keras.methods.views_model import ViewsModel


@keras.saving.register_keras_serializable(package="cl_keras")
class VICReg(ViewsModel):
    """Brings two views together while every dimension varies, each in its own way.

    Args:
        encoder: Built model: (batch, H, W, C) -> (batch, features). What is kept.
        projector: Built model: (batch, features) -> (batch, D). By default three
            layers of 2,048 units; the paper's have 8,192.
        weights: Of invariance, variance and covariance.
        **kwargs: Of `ViewsModel`.

    Raises:
        ValueError: If there are not three weights, one is negative, or parts do not
            fit.

    Reference:
        Bardes et al. (2022), equations 1 to 6.

    Example:
    >>> model = VICReg(encoders.compact_resnet(blocks=1))
    >>> model.compile(keras.optimizers.AdamW(1e-3))
    >>> views = data.two_views(images, augment.BYOLImages(size=32), batch_size=64)
    >>> history = model.fit(views, epochs=1, verbose=0)
    >>> model.predict(data.batches(images), verbose=0).shape
    (256, 128)
    """

    together = False
    head_builders = {
        "projector": partial(
            heads.projection_head, depth=3, hidden=2048, width=2048, last_norm=False
        )
    }

    def __init__(
        self,
        encoder: keras.Model,
        projector: keras.Model | None = None,
        weights: tuple[float, float, float] = (25.0, 25.0, 1.0),
        **kwargs: Any,
    ) -> None:
        names = "invariance", "variance", "covariance"
        if len(weights) != len(names):
            raise ValueError(
                f"`weights` must be three numbers, of {', '.join(names)}. "
                f"Received: {weights}"
            )
        of_terms = dict(zip(names, weights, strict=True))
        check.not_negative(**of_terms)
        super().__init__(encoder, projector, **kwargs)
        self.term_weights = of_terms
        self._track(*names)

    def objective(self, outputs: Outputs) -> Outputs:
        """The three terms, each with its weight."""
        terms = losses.vicreg(outputs["embedding1"], outputs["embedding2"])
        weighted = zip(self.term_weights.items(), terms, strict=True)
        return {name: weight * term for (name, weight), term in weighted}
