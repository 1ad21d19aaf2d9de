# SPDX-License-Identifier: Apache-2.0
"""EMP-SSL.

Tong, Chen, Ma and LeCun (2023), EMP-SSL: Towards Self-Supervised Learning in One
Training Epoch, arXiv:2304.03977; equation 3, with the constants of the authors' code.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import keras
import tensorflow as tf

from cl_keras import check, heads, losses
from cl_keras.losses.similarity import unit_rows
from cl_keras.methods.base import Outputs
from cl_keras.methods.views_model import ViewsModel, of_views


@keras.saving.register_keras_serializable(package="cl_keras")
class EMPSSL(ViewsModel):
    """Brings many crops of an image together while embeddings fill all dimensions.

    Args:
        encoder: Built model: (batch, H, W, C) -> (batch, features). What is kept.
        projector: Built model: (batch, features) -> (batch, D). By default three
            layers.
        invariance: Weight of the crops' agreement.
        epsilon: Precision of the coding rate.
        **kwargs: Of `ViewsModel`.

    Raises:
        ValueError: If a number is out of range or parts do not fit.

    Reference:
        Tong et al. (2023), equation 3.

    Example:
    >>> model = EMPSSL(encoders.compact_resnet(blocks=1))
    >>> model.compile(keras.optimizers.AdamW(1e-3))
    >>> crops = augment.MultiCropImages(
    ...     size=32, global_views=4, local_views=0, scale=(0.25, 0.25))
    >>> views = data.two_views(images, crops, batch_size=64)
    >>> history = model.fit(views, epochs=1, verbose=0)
    """

    number_of_views = None
    head_builders = {
        "projector": partial(
            heads.projection_head, depth=3, hidden=2048, width=512, last_norm=False
        )
    }

    def __init__(
        self,
        encoder: keras.Model,
        projector: keras.Model | None = None,
        invariance: float = 200.0,
        epsilon: float = 0.2,
        **kwargs: Any,
    ) -> None:
        check.not_negative(invariance=invariance)
        check.positive(epsilon=epsilon)
        super().__init__(encoder, projector, **kwargs)
        self.invariance, self.epsilon = invariance, epsilon
        self._track("invariance", "coding_rate")

    def objective(self, outputs: Outputs) -> Outputs:
        """How far crops are from their mean, and the negative coding rate."""
        crops = [unit_rows(rows) for rows in of_views(outputs, "embedding")]
        center = unit_rows(tf.add_n(crops))
        cosines = [tf.reduce_sum(rows * center, axis=-1) for rows in crops]
        rates = [losses.coding_rate(rows, self.epsilon) for rows in crops]
        return {
            "invariance": self.invariance * (1.0 - tf.add_n(cosines) / len(crops)),
            "coding_rate": -tf.add_n(rates) / len(crops),
        }
