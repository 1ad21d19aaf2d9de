# SPDX-License-Identifier: Apache-2.0
"""MINE: the Donsker-Varadhan bound with a gradient corrected for its bias."""

from __future__ import annotations

import math
from typing import Any

import keras
import tensorflow as tf

from cl_keras import check
from cl_keras.estimators.pairs import global_log_mean_exp, global_mean, split


def mine(
    scores: tf.Tensor,
    negatives: tf.Tensor | None = None,
    *,
    log_mean: tf.Tensor | float,
    decay: float = 0.99,
    excluded: tf.Tensor | None = None,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Donsker-Varadhan bound whose gradient divides by a running mean.

    The gradient of log E[exp T] is E[exp(T) dT] / E[exp T]. Both means over one
    batch make a ratio that is biased; the denominator is taken from the running
    mean over batches instead. The value is that of `donsker_varadhan`.

    Args:
        scores: As for `donsker_varadhan`.
        negatives: As for `donsker_varadhan`.
        log_mean: Log of the running mean of exp T that the last step returned;
            -inf before the first.
        decay: Of the running mean, in [0, 1). 0 gives the plain gradient.
        excluded: As for `donsker_varadhan`.

    Returns:
        The bound, float32 scalar, and the new `log_mean`, without gradient. Both
        are over the pairs of all replicas.

    Raises:
        ValueError: If shapes do not fit, or decay is not in [0, 1).

    Reference:
        Belghazi et al. (2018), Mutual Information Neural Estimation, equation 12.
        The running mean starts at the first batch's, where the authors' start at 1.

    Example:
    >>> bound, log_mean = mine(2.0 * tf.eye(4), log_mean=-np.inf)
    >>> round(float(bound), 4), float(log_mean)
    (2.0, 0.0)
    """
    _check_decay(decay)
    positives, negatives, keep = split(scores, negatives, excluded)
    fits = global_mean(positives)
    now = global_log_mean_exp(negatives, keep)
    fixed = tf.stop_gradient(now)
    old = tf.stop_gradient(tf.cast(log_mean, tf.float32))
    log_decay = math.log(decay) if decay else -math.inf
    mixed = tf.reduce_logsumexp([old + log_decay, fixed + math.log1p(-decay)])
    new = tf.where(tf.math.is_inf(old), fixed, tf.stop_gradient(mixed))
    # 0 in value. In gradient, log-mean-exp gives way to mean(exp T) / running mean,
    # a ratio of 1 / (1 - decay) at most, since the running mean holds this batch.
    ratio = tf.exp(now - new)
    correction = (now - fixed) - (ratio - tf.stop_gradient(ratio))
    return fits - now + correction, new


@keras.saving.register_keras_serializable(package="cl_keras")
class MINE(keras.layers.Layer):
    """Donsker-Varadhan bound as a layer that keeps MINE's running mean.

    With `training=True` it updates the running mean and corrects the gradient; else
    it is `donsker_varadhan`. It has no trainable weights: the critic does.

    Args:
        decay: Of the running mean, in [0, 1).
        **kwargs: Of `keras.layers.Layer`.

    Call arguments:
        scores: As for `donsker_varadhan`.
        negatives: As for `donsker_varadhan`.
        excluded: As for `donsker_varadhan`.
        training: Whether to update the running mean.

    Raises:
        ValueError: If decay is not in [0, 1).

    Reference:
        Belghazi et al. (2018), equation 12. See `mine`.

    Example:
    >>> round(float(MINE()(2.0 * tf.eye(4), training=True)), 4)
    2.0
    """

    def __init__(self, decay: float = 0.99, **kwargs: Any) -> None:
        _check_decay(decay)
        # float32 under mixed precision too: this is a sum over many exponentials.
        super().__init__(**{"dtype": "float32"} | kwargs)
        self.decay = decay
        self.log_mean = self.add_weight(
            name="log_mean",
            shape=(),
            initializer=keras.initializers.Constant(-math.inf),
            trainable=False,
            aggregation="only_first_replica",  # All replicas compute the same.
        )
        self.built = True

    def call(  # noqa: D102
        self,
        scores: tf.Tensor,
        negatives: tf.Tensor | None = None,
        excluded: tf.Tensor | None = None,
        training: bool = False,
    ) -> tf.Tensor:
        bound, log_mean = mine(
            scores,
            negatives,
            log_mean=tf.convert_to_tensor(self.log_mean),
            decay=self.decay,
            excluded=excluded,
        )
        if training:
            self.log_mean.assign(log_mean)
        return bound

    def get_config(self) -> dict[str, Any]:  # noqa: D102
        return {**super().get_config(), "decay": self.decay}


def _check_decay(decay: float) -> None:
    check.share_below_one(decay=decay)
