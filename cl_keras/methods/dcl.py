# SPDX-License-Identifier: Apache-2.0
"""DCL and DCLW.

Yeh, Hong, Hsu, Liu, Chen and LeCun (2022), Decoupled Contrastive Learning,
arXiv:2110.06848; equations 6 and 7.
"""

from __future__ import annotations

from typing import Any

import keras

from cl_keras import check, losses
from cl_keras.losses.similarity import check_temperature
from cl_keras.methods.base import Outputs
from cl_keras.methods.views_model import ViewsModel


@keras.saving.register_keras_serializable(package="cl_keras")
class DCL(ViewsModel):
    """SimCLR without the positive in the denominator: small batches suffice.

    Args:
        encoder: Built model: (batch, H, W, C) -> (batch, features). What is kept.
        projector: Built model: (batch, features) -> (batch, D). By default that of
            SimCLR.
        temperature: Of the loss.
        sigma: Of DCLW, which gives positives that are far apart more weight; the
            paper's is 0.5. None is DCL.
        **kwargs: Of `ViewsModel`.

    Raises:
        ValueError: If temperature or sigma are not positive, or parts do not fit.

    Reference:
        Yeh et al. (2022), equations 6 and 7.

    Example:
    >>> model = DCL(encoders.compact_resnet(blocks=1), sigma=0.5)
    >>> model.compile(keras.optimizers.AdamW(1e-3))
    >>> views = data.two_views(images, augment.SimCLRImages(size=32), batch_size=64)
    >>> history = model.fit(views, epochs=1, verbose=0)
    >>> model.predict(data.batches(images), verbose=0).shape
    (256, 128)
    """

    def __init__(
        self,
        encoder: keras.Model,
        projector: keras.Model | None = None,
        temperature: float = 0.1,
        sigma: float | None = None,
        **kwargs: Any,
    ) -> None:
        check_temperature(temperature)
        if sigma is not None:
            check.positive(sigma=sigma)
        super().__init__(encoder, projector, **kwargs)
        self.temperature = temperature
        self.sigma = sigma

    def objective(self, outputs: Outputs) -> Outputs:
        """The decoupled loss of the two embeddings."""
        views = outputs["embedding1"], outputs["embedding2"]
        return {"dcl": losses.dcl(*views, self.temperature, sigma=self.sigma)}

    def negatives_per_query(self, batch_size: int) -> int:
        """Both views of all other images."""
        return 2 * batch_size - 2
