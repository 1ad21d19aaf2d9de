# SPDX-License-Identifier: Apache-2.0
"""SimCLR.

Chen, Kornblith, Norouzi and Hinton (2020), A Simple Framework for Contrastive
Learning of Visual Representations, arXiv:2002.05709; algorithm 1.

Deviations: the loss is the paper's mean over 2N rows; the authors' code trains on
twice that, so a learning rate for SGD or LARS taken from it counts double here.
"""

from __future__ import annotations

from typing import Any

import keras

from cl_keras import losses
from cl_keras.losses.hard_negatives import check_weights
from cl_keras.losses.similarity import check_temperature
from cl_keras.methods.base import Outputs
from cl_keras.methods.views_model import ViewsModel


@keras.saving.register_keras_serializable(package="cl_keras")
class SimCLR(ViewsModel):
    """Finds the other view of each image among all other images of the batch.

    Args:
        encoder: Built model: (batch, H, W, C) -> (batch, features). What is kept.
        projector: Built model: (batch, features) -> (batch, D), used in training
            only. By default two layers (v1); `heads.projection_head(features,
            depth=3)` is that of v2.
        temperature: Of the NT-Xent loss. The paper's best was 0.1 for ImageNet
            and 0.5 for CIFAR-10.
        micro_batch: Examples that are encoded at a time, for batches that do not
            fit in memory; see `ContrastiveModel`.
        hardness: Weighs near negatives more, as in `losses.info_nce`.
        debias: Share of negatives of the same class, as in `losses.info_nce`.
        **kwargs: Of `keras.Model`.

    Raises:
        ValueError: If a number is out of range or parts do not fit.

    Reference:
        Chen et al. (2020), equation 1 and algorithm 1.

    Example:
    >>> model = SimCLR(encoders.compact_resnet(blocks=1), temperature=0.2)
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
        micro_batch: int | None = None,
        hardness: float = 0.0,
        debias: float = 0.0,
        **kwargs: Any,
    ) -> None:
        check_temperature(temperature)
        check_weights(hardness, debias)
        super().__init__(encoder, projector, micro_batch=micro_batch, **kwargs)
        self.temperature = temperature
        self.hardness, self.debias = hardness, debias

    def objective(self, outputs: Outputs) -> Outputs:
        """NT-Xent of the two embeddings."""
        loss = losses.nt_xent(
            outputs["embedding1"],
            outputs["embedding2"],
            self.temperature,
            hardness=self.hardness,
            debias=self.debias,
        )
        return {"nt_xent": loss}

    def negatives_per_query(self, batch_size: int) -> int:
        """Both views of all other images."""
        return 2 * batch_size - 2
