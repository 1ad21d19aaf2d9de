# SPDX-License-Identifier: Apache-2.0
"""LARS: SGD with momentum whose steps are in proportion to each layer's weights."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Literal

import keras
import tensorflow as tf

from cl_keras import check
from cl_keras.optimizers.variable_rates import VariableRates

ORDERS = ("rate_first", "rate_last")
# The last part of a variable's path: biases, the weights of normalisation layers and
# the slopes of PReLU.
BIAS_AND_NORM = (r"(^|/)(bias|gamma|beta|scale|alpha)$",)


@keras.saving.register_keras_serializable(package="cl_keras")
class LARS(VariableRates):
    """Layer-wise adaptive rate scaling, for large batches.

    With gradient g (plus `weight_decay` times w), each adapted variable w has the rate
    `learning_rate * trust`, where trust is `trust_coefficient` times the norm of w over
    the norm of g, or 1 if either norm is 0. Variables that are excluded from adaptation
    have a trust of 1: they follow SGD with momentum.

    Two orders are in use, which differ where the rate changes from step to step:

    - `"rate_first"`: v = momentum * v + rate * trust * g, then w -= v. The paper's, and
      that of SimCLR's code.
    - `"rate_last"`: v = momentum * v + trust * g, then w -= rate * v. PyTorch's order
      of momentum, as in the code of Barlow Twins.

    Args:
        learning_rate: Float or schedule. Larger than for SGD by about the inverse of
            `trust_coefficient`: rates of 0.1 to 5 are common.
        momentum: In [0, 1).
        weight_decay: Added to the gradient, times w, *before* the norms are taken.
        trust_coefficient: 0.001 in most recipes.
        nesterov: Whether the step looks one step of momentum ahead.
        momentum_order: `"rate_first"` or `"rate_last"`.
        exclude: Regular expressions; a variable is not decayed if one of them is found
            in its path, such as `"encoder/conv/kernel"`. By default biases, the
            weights of normalisation layers and the slopes of PReLU.
        exclude_from_adaptation: The same for adaptation; None takes those of `exclude`.
        **kwargs: Of `keras.optimizers.Optimizer`, such as `use_ema` and `clipnorm`.

    Raises:
        ValueError: If a number is out of range, the order unknown, or a pattern is not
            a regular expression.

    Reference:
        You, Gitman and Ginsburg (2017), Large Batch Training of Convolutional Networks,
        arXiv:1708.03888, algorithm 1. Deviation, as in SimCLR's code: the trust divides
        by the norm of the sum of gradient and decay, the paper by the sum of norms.

    Example:
    >>> optimizer = LARS(0.3, weight_decay=1e-6, momentum_order="rate_last")
    >>> LARS.from_config(optimizer.get_config()).momentum_order
    'rate_last'
    """

    def __init__(
        self,
        learning_rate: float | keras.optimizers.schedules.LearningRateSchedule = 0.3,
        momentum: float = 0.9,
        weight_decay: float = 0.0,
        trust_coefficient: float = 1e-3,
        nesterov: bool = False,
        momentum_order: Literal["rate_first", "rate_last"] = "rate_first",
        exclude: Sequence[str] = BIAS_AND_NORM,
        exclude_from_adaptation: Sequence[str] | None = None,
        name: str = "lars",
        **kwargs: Any,
    ) -> None:
        check.share_below_one(momentum=momentum)
        check.positive(trust_coefficient=trust_coefficient)
        check.not_negative(weight_decay=weight_decay)
        check.one_of("momentum order", momentum_order, ORDERS)
        # Keras's own weight decay is apart from the gradient: it is not used.
        super().__init__(learning_rate, name=name, **kwargs)
        self.momentum = momentum
        self.coupled_decay = weight_decay
        self.trust_coefficient = trust_coefficient
        self.nesterov = nesterov
        self.momentum_order = momentum_order
        self.exclude = _patterns("exclude", exclude)
        self.exclude_from_adaptation = (
            None
            if exclude_from_adaptation is None
            else _patterns("exclude_from_adaptation", exclude_from_adaptation)
        )

    def build(self, variables: list[keras.Variable]) -> None:
        """Makes a momentum for each variable, and looks its path up.

        Args:
            variables: What is trained.
        """
        if self.built:
            return
        super().build(variables)
        self.momentums = self.add_optimizer_variables(variables, "momentum")
        # Here and not in the step, which sees bare variables without their path.
        unadapted = self.exclude_from_adaptation
        if unadapted is None:
            unadapted = self.exclude
        self._decayed = [not _found(self.exclude, v) for v in variables]
        self._adapted = [not _found(unadapted, v) for v in variables]

    def update_step(
        self, gradient: tf.Tensor, variable: keras.Variable, learning_rate: tf.Tensor
    ) -> None:
        """Updates one variable.

        Args:
            gradient: Of the variable's shape; dense, or `tf.IndexedSlices`.
            variable: The variable.
            learning_rate: Scalar.
        """
        index = self._get_variable_index(variable)
        velocity = self.momentums[index]
        # Norms are sums of many squares: float32, whatever the variable is.
        weights = tf.cast(variable, tf.float32)
        gradient = tf.cast(tf.convert_to_tensor(gradient), tf.float32)
        rate = tf.cast(self.rate_of(variable, learning_rate), tf.float32)
        if self._decayed[index]:
            gradient += self.coupled_decay * weights
        if self._adapted[index]:
            gradient *= self._trust(weights, gradient)
        first = self.momentum_order == "rate_first"
        step = rate * gradient if first else gradient
        moved = self.momentum * tf.cast(velocity, tf.float32) + step
        self.assign(velocity, moved)
        if self.nesterov:
            moved = self.momentum * moved + step
        self.assign_sub(variable, moved if first else rate * moved)

    def _trust(self, weights: tf.Tensor, gradient: tf.Tensor) -> tf.Tensor:
        length, slope = tf.norm(weights), tf.norm(gradient)
        ratio = self.trust_coefficient * tf.math.divide_no_nan(length, slope)
        return tf.where((length > 0) & (slope > 0), ratio, 1.0)

    def get_config(self) -> dict[str, Any]:
        """Returns what `from_config` rebuilds this optimizer from."""
        return {
            **super().get_config(),
            "momentum": self.momentum,
            "weight_decay": self.coupled_decay,
            "trust_coefficient": self.trust_coefficient,
            "nesterov": self.nesterov,
            "momentum_order": self.momentum_order,
            "exclude": list(self.exclude),
            "exclude_from_adaptation": self.exclude_from_adaptation
            and list(self.exclude_from_adaptation),
        }


def _patterns(name: str, patterns: Sequence[str]) -> list[str]:
    if isinstance(patterns, str):
        patterns = [patterns]
    for pattern in patterns:
        try:
            re.compile(pattern)
        except (re.error, TypeError) as error:
            raise ValueError(
                f"`{name}` must hold regular expressions. Received: {pattern!r}, "
                f"{error}"
            ) from error
    return list(patterns)


def _found(patterns: list[str], variable: keras.Variable) -> bool:
    path = getattr(variable, "path", variable.name)
    return any(re.search(pattern, path) for pattern in patterns)
