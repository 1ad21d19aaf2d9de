# SPDX-License-Identifier: Apache-2.0
"""Methods that predict, from one view, what a network makes of the other."""

from __future__ import annotations

from typing import Any, Literal

import keras
import tensorflow as tf

from cl_keras import check
from cl_keras.methods.base import Outputs
from cl_keras.methods.parts import Twin
from cl_keras.methods.views_model import ViewsModel, named, of_views
from cl_keras.optimizers.variable_rates import VariableRates, keep_peak_rate


class PredictorModel(ViewsModel):
    """Views -> an encoder -> a projector -> a predictor -> an objective.

    `encode` returns `prediction1`, `prediction2` and so on as well.

    Args:
        encoder: Built model: (batch, ...) -> (batch, features). What is kept.
        predictor: Built model: (batch, D) -> (batch, D). By default the method's own.
        predictor_rate: `"schedule"`, as all else, or `"peak"`: the learning rate of the
            predictor stays at the schedule's peak throughout (SimSiam, section 4.3).
        **kwargs: `projector`, and others of `ViewsModel`.

    Raises:
        ValueError: If parts do not fit, or the rate is neither.
    """

    # As in the authors' code: batch normalisation sees each view by itself.
    together = False

    def __init__(
        self,
        encoder: keras.Model,
        predictor: keras.Model | None = None,
        predictor_rate: Literal["schedule", "peak"] = "schedule",
        **kwargs: Any,
    ) -> None:
        check.one_of("predictor_rate", predictor_rate, ("schedule", "peak"))
        super().__init__(encoder, **kwargs)
        self.predictor = self.fitted("predictor", predictor, self.projector)
        self.predictor_rate = predictor_rate
        if predictor_rate == "peak":
            keep_peak_rate(self.predictor.trainable_variables)

    def compile(
        self, optimizer: str | keras.optimizers.Optimizer = "adam", **kwargs: Any
    ) -> None:
        """Configures training, as of `ContrastiveModel`.

        Args:
            optimizer: One of `cl_keras.optimizers`, if the predictor's rate is its own.
            **kwargs: As of `ContrastiveModel`.

        Raises:
            TypeError: If the optimizer has one rate for all.
        """
        if self.predictor_rate == "peak" and not isinstance(optimizer, VariableRates):
            raise TypeError(
                "predictor_rate='peak' needs an optimizer of cl_keras.optimizers: "
                f"AdamW or LARS. Received: {optimizer!r}"
            )
        super().compile(optimizer, **kwargs)

    def encode(self, inputs: tuple[tf.Tensor, ...], training: bool) -> Outputs:
        """Adds each view's prediction."""
        outputs = super().encode(inputs, training)
        embeddings = of_views(outputs, "embedding")
        predictions = self.map_views(self.predictor, embeddings, training)
        return outputs | named("prediction", predictions)


def crossed(outputs: Outputs, name: str) -> list[tuple[tf.Tensor, tf.Tensor]]:
    """Each view's prediction, with the mean of what is named of the other views."""
    values = of_views(outputs, name)
    means = [
        tf.add_n(values[:place] + values[place + 1 :]) / (len(values) - 1.0)
        for place in range(len(values))
    ]
    return list(zip(of_views(outputs, "prediction"), means, strict=True))


class TargetModel(PredictorModel):
    """Predictions of what a slowly following target network makes of the other view.

    `encode` returns `target1` and `target2` as well; no gradient flows into them.

    Args:
        encoder: As of `PredictorModel`.
        predictor: As of `PredictorModel`.
        momentum: Share of the target that stays at each step.
        total_steps: Optimizer steps of the training, if the momentum is to rise to 1
            along a cosine; else it stays as it is.
        **kwargs: As of `PredictorModel`.

    Raises:
        ValueError: If the momentum is not in [0, 1] or parts do not fit.
    """

    def __init__(
        self,
        encoder: keras.Model,
        predictor: keras.Model | None = None,
        momentum: float = 0.996,
        total_steps: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(encoder, predictor, **kwargs)
        self.target = Twin(self, ("encoder", "projector"), momentum)
        self.total_steps = total_steps

    def encode(self, inputs: tuple[tf.Tensor, ...], training: bool) -> Outputs:
        """Adds each view's target."""
        targets = self.map_views(self.target, inputs, training)
        return super().encode(inputs, training) | named("target", targets)

    def after_update(self, outputs: Outputs) -> None:
        """Moves the target."""
        self.target.follow(self)
