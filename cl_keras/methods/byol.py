# SPDX-License-Identifier: Apache-2.0
"""BYOL.

Grill, Strub, Altche, Tallec, Richemond et al. (2020), Bootstrap Your Own Latent: A New
Approach to Self-Supervised Learning, arXiv:2006.07733; equations 1 and 2.

Deviation: the target starts equal to the encoder, where the authors' code draws it
anew.
"""

from __future__ import annotations

import keras
import tensorflow as tf

from cl_keras import heads
from cl_keras.losses.similarity import unit_rows
from cl_keras.methods.base import Outputs
from cl_keras.methods.predictor_model import TargetModel, crossed


@keras.saving.register_keras_serializable(package="cl_keras")
class BYOL(TargetModel):
    """Predicts, from one view, what a slowly following network makes of the other.

    There are no negatives: what keeps the features apart is that the target follows by
    a moving average, and batch normalisation in the heads.

    Args:
        encoder: Built model: (batch, H, W, C) -> (batch, features). What is kept.
        predictor: Built model: (batch, D) -> (batch, D). By default `heads.byol_head`.
        momentum: Share of the target that stays at each step.
        total_steps: Optimizer steps of the training, if the momentum is to rise to 1
            along a cosine; else it stays as it is.
        **kwargs: `projector`, by default `heads.byol_head`, and others of `ViewsModel`.

    Raises:
        ValueError: If the momentum is not in [0, 1] or parts do not fit.

    Reference:
        Grill et al. (2020), equations 1 and 2; appendix J for the networks.

    Example:
    >>> model = BYOL(encoders.compact_resnet(blocks=1))
    >>> model.compile(keras.optimizers.AdamW(1e-3))
    >>> views = data.two_views(images, augment.BYOLImages(size=32), batch_size=64)
    >>> history = model.fit(views, epochs=1, verbose=0)
    >>> model.predict(data.batches(images), verbose=0).shape
    (256, 128)
    """

    head_builders = dict.fromkeys(("projector", "predictor"), heads.byol_head)

    def objective(self, outputs: Outputs) -> Outputs:
        """Squared distances of unit vectors, one direction and the other: 0 to 8."""
        squares = [
            tf.square(unit_rows(prediction) - unit_rows(target))
            for prediction, target in crossed(outputs, "target")
        ]
        return {"regression": tf.reduce_sum(tf.add_n(squares), axis=-1)}
