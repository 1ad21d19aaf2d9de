# SPDX-License-Identifier: Apache-2.0
"""Muon for networks with convolutions."""

from __future__ import annotations

import math
import re
from typing import Any

import keras
import tensorflow as tf

from cl_keras.optimizers.variable_rates import VariableRates


@keras.saving.register_keras_serializable(package="cl_keras")
class Muon(VariableRates, keras.optimizers.Muon):
    """`keras.optimizers.Muon`, which also orthogonalises kernels of convolutions.

    Keras's own takes matrices only, and leaves kernels (height, width, in, out) to
    AdamW. Here they are matrices (height * width * in, out), as in the author's code
    for CIFAR-10. Biases and the weights of normalisation follow AdamW, at
    `adam_lr_ratio` times the rate and without decay.

    Args:
        learning_rate: Float or schedule. An update of a matrix has a root mean square
            of `rms_rate` times this.
        weight_decay: Of matrices and kernels, apart from the gradient.
        adam_weight_decay: Of all else.
        adam_lr_ratio: Rate of all else, as a share.
        **kwargs: Of `keras.optimizers.Muon`, such as `momentum` and `exclude_layers`.

    Reference:
        Jordan et al. (2024), Muon: An optimizer for hidden layers in neural networks,
        https://kellerjordan.github.io/posts/muon; the scale of updates is that of Liu
        et al. (2025), arXiv:2502.16982, equation 4.

    Example:
    >>> Muon(0.02).get_config()["adam_lr_ratio"]
    0.05
    """

    def __init__(
        self,
        learning_rate: float | keras.optimizers.schedules.LearningRateSchedule = 0.02,
        weight_decay: float = 0.0,
        adam_weight_decay: float = 0.0,
        adam_lr_ratio: float = 0.05,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            learning_rate,
            weight_decay=weight_decay,
            adam_weight_decay=adam_weight_decay,
            adam_lr_ratio=adam_lr_ratio,
            **kwargs,
        )

    def _should_use_adamw(self, variable: keras.Variable) -> bool:
        excluded = any(re.search(x, variable.path) for x in self.exclude_layers)
        return excluded or len(variable.shape) < 2

    def zeropower_via_newtonschulz5(self, x: tf.Tensor, steps: int) -> tf.Tensor:
        """Sets the singular values of a kernel, as a matrix, to about 1.

        Args:
            x: (..., out).
            steps: Iterations.

        Returns:
            The same shape.
        """
        matrix = tf.reshape(x, (-1, x.shape[-1]))
        return tf.reshape(super().zeropower_via_newtonschulz5(matrix, steps), x.shape)

    def lr_adjust(self, x: tf.Tensor) -> tf.Tensor:
        """Scales an update to a root mean square of `rms_rate`.

        Args:
            x: (..., out), with singular values of about 1 as a matrix.

        Returns:
            The same shape.
        """
        if self.rms_rate is None:
            return x
        return x * (
            math.sqrt(max(math.prod(x.shape[:-1]), x.shape[-1])) * self.rms_rate
        )
