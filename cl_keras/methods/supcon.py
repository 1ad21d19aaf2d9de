# SPDX-License-Identifier: Apache-2.0
"""SupCon.

Khosla, Teterwak, Wang, Sarna, Tian, Isola, Maschinot, Liu and Krishnan (2020),
Supervised Contrastive Learning, arXiv:2004.11362; equation 2.
"""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from cl_keras import losses
from cl_keras.losses.similarity import check_temperature
from cl_keras.methods.base import Batch, Outputs
from cl_keras.methods.batches import shapes, without_none
from cl_keras.methods.views_model import ViewsModel


@keras.saving.register_keras_serializable(package="cl_keras")
class SupCon(ViewsModel):
    """Finds all views of an image's class among all views of the batch.

    SimCLR that is told labels: a batch is `((view1, view2), labels)`, as
    `data.two_views(..., with_labels=True)` makes it.

    Args:
        encoder: Built model: (batch, H, W, C) -> (batch, features). What is kept.
        projector: Built model: (batch, features) -> (batch, D). By default the
            two-layer head of SimCLR v1 (`heads.projection_head`).
        temperature: Of the loss.
        **kwargs: Of `ViewsModel`.

    Raises:
        ValueError: If the temperature is not positive or parts do not fit.

    Reference:
        Khosla et al. (2020), equation 2.

    Example:
    >>> labels = np.arange(len(images)) % 10
    >>> model = SupCon(encoders.compact_resnet(blocks=1))
    >>> model.compile(keras.optimizers.AdamW(1e-3))
    >>> views = data.two_views(images, augment.SimCLRImages(size=32), batch_size=64,
    ...                        labels=labels, with_labels=True)
    >>> history = model.fit(views, epochs=1, verbose=0)
    """

    def __init__(
        self,
        encoder: keras.Model,
        projector: keras.Model | None = None,
        temperature: float = 0.1,
        **kwargs: Any,
    ) -> None:
        check_temperature(temperature)
        super().__init__(encoder, projector, **kwargs)
        self.temperature = temperature

    def unpack(self, data: Batch) -> tuple[tf.Tensor, ...]:
        """Takes the views out of a batch, and the labels."""
        data = without_none(data)
        if not isinstance(data, tuple | list) or not isinstance(data[0], tuple | list):
            raise ValueError(
                "SupCon trains on views with labels, ((view1, view2), labels): "
                "data.two_views(images, views, batch_size, with_labels=True) makes "
                f"them. Received: {shapes(data)}"
            )
        return *super().unpack(data), tf.convert_to_tensor(data[1])

    def encode(self, inputs: tuple[tf.Tensor, ...], training: bool) -> Outputs:
        """Encodes and projects the views; labels stay as they are."""
        *views, labels = inputs
        return super().encode(tuple(views), training) | {"labels": labels}

    def objective(self, outputs: Outputs) -> Outputs:
        """The supervised contrastive loss of both views."""
        views = outputs["embedding1"], outputs["embedding2"]
        return {"supcon": losses.supcon(*views, outputs["labels"], self.temperature)}
