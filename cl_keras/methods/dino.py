# SPDX-License-Identifier: Apache-2.0
"""DINO.

Caron, Touvron, Misra, Jegou, Mairal, Bojanowski and Joulin (2021), Emerging Properties
in Self-Supervised Vision Transformers, arXiv:2104.14294; equations 1 to 4, algorithm 1.

Deviations: the target's temperature is constant, and prototypes are trained from the
first epoch on, where the authors warm up the one and freeze the others.
"""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from cl_keras import check, heads, losses
from cl_keras.losses.similarity import check_temperature
from cl_keras.methods.base import Outputs
from cl_keras.methods.parts import Center, Twin
from cl_keras.methods.views_model import ViewsModel, named, of_views


@keras.saving.register_keras_serializable(package="cl_keras")
class DINO(ViewsModel):
    """Predicts, from all views, what a slowly following network sees in global ones.

    Its outputs, a distribution over prototypes, are sharpened by a low temperature and
    centred by their moving average: together these keep them from becoming one.

    Args:
        encoder: Built model: (batch, H, W, C) -> (batch, features). What is kept.
        projector: Built model: (batch, features) -> (batch, K) cosines with prototypes.
            By default `heads.dino_head`.
        temperature: Of the predictions.
        target_temperature: Of the target's distributions.
        momentum: Share of the target network that stays at each step.
        center_momentum: Share of the centre that stays at each step.
        global_views: Number of views, the first ones, that the target sees.
        total_steps: Optimizer steps of the training, if the momentum is to rise to 1
            along a cosine; else it stays as it is.
        **kwargs: Of `ViewsModel`.

    Raises:
        ValueError: If a number is out of range or parts do not fit.

    Reference:
        Caron et al. (2021), equations 1 to 4.

    Example:
    >>> model = DINO(encoders.compact_resnet(blocks=1))
    >>> model.compile(keras.optimizers.AdamW(1e-3))
    >>> crops = augment.MultiCropImages(size=32, local_views=2)
    >>> views = data.two_views(images, crops, batch_size=64)
    >>> history = model.fit(views, epochs=1, verbose=0)
    """

    number_of_views = None
    together = False
    head_builders = {"projector": heads.dino_head}

    def __init__(
        self,
        encoder: keras.Model,
        projector: keras.Model | None = None,
        temperature: float = 0.1,
        target_temperature: float = 0.04,
        momentum: float = 0.996,
        center_momentum: float = 0.9,
        global_views: int = 2,
        total_steps: int | None = None,
        **kwargs: Any,
    ) -> None:
        check_temperature(temperature)
        check.positive(target_temperature=target_temperature)
        check.at_least(1, global_views=global_views)
        super().__init__(encoder, projector, **kwargs)
        self.temperature, self.target_temperature = temperature, target_temperature
        self.global_views, self.total_steps = global_views, total_steps
        self.target = Twin(self, ("encoder", "projector"), momentum)
        self.center = Center(self.projector.output_shape[-1], center_momentum)

    def encode(self, inputs: tuple[tf.Tensor, ...], training: bool) -> Outputs:
        """Adds each global view's target."""
        outputs = super().encode(inputs, training)
        targets = self.map_views(self.target, inputs[: self.global_views], training)
        return outputs | named("target", targets)

    def objective(self, outputs: Outputs) -> Outputs:
        """Cross-entropy of targets and predictions, the mean over pairs."""
        center = tf.convert_to_tensor(self.center.value)
        targets = [
            tf.nn.softmax((target - center) / self.target_temperature)
            for target in of_views(outputs, "target")
        ]
        scores = of_views(outputs, "embedding")
        loss = losses.swapped_prediction(targets, scores, self.temperature)
        return {"swapped_prediction": loss}

    def after_update(self, outputs: Outputs) -> None:
        """Moves the centre and the target."""
        self.center.follow(of_views(outputs, "target"))
        self.target.follow(self)
