# SPDX-License-Identifier: Apache-2.0
"""Critics: layers that score how well queries and keys belong together.

Each takes (n, Dq) queries and (m, Dk) keys and gives the (n, m) scores of all pairs,
which the functions of `estimators.bounds` read.
"""

from __future__ import annotations

import math
from typing import Any

import keras
import tensorflow as tf
from keras import layers

from cl_keras import check

Shape = tuple[Any, ...]


def _mlp(hidden: int, depth: int, width: int, name: str) -> keras.Sequential:
    stack = [layers.Dense(hidden, activation="relu") for _ in range(depth)]
    return keras.Sequential([*stack, layers.Dense(width)], name=name)


@keras.saving.register_keras_serializable(package="cl_keras")
class Bilinear(layers.Layer):
    """Scores x^T W y: what CPC and DGI use.

    Args:
        initializer: Of W. `"zeros"` starts at the critic that knows nothing.
        **kwargs: Of `keras.layers.Layer`.

    Call arguments:
        queries: (n, Dq) tensor.
        keys: (m, Dk) tensor.

    Returns:
        (n, m) scores.

    Example:
    >>> Bilinear()(tf.ones((2, 3)), tf.ones((5, 4))).shape
    TensorShape([2, 5])
    """

    def __init__(self, initializer: str = "glorot_uniform", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.initializer = initializer

    def build(self, queries_shape: Shape, keys_shape: Shape) -> None:  # noqa: D102
        self.kernel = self.add_weight(
            name="kernel",
            shape=(queries_shape[-1], keys_shape[-1]),
            initializer=self.initializer,
        )

    def call(self, queries: tf.Tensor, keys: tf.Tensor) -> tf.Tensor:  # noqa: D102
        return tf.matmul(tf.matmul(queries, self.kernel), keys, transpose_b=True)

    def get_config(self) -> dict[str, Any]:  # noqa: D102
        return {**super().get_config(), "initializer": self.initializer}


@keras.saving.register_keras_serializable(package="cl_keras")
class Separable(layers.Layer):
    """Scores f(x)^T g(y) with two networks: n + m passes for n * m scores.

    Args:
        width: Of what f and g give.
        hidden: Width of their hidden layers.
        depth: Number of hidden layers.
        **kwargs: Of `keras.layers.Layer`.

    Call arguments:
        queries: (n, Dq) tensor.
        keys: (m, Dk) tensor.

    Returns:
        (n, m) scores.

    Raises:
        ValueError: If a number is not positive.

    Reference:
        Poole et al. (2019), On Variational Bounds of Mutual Information, appendix.

    Example:
    >>> Separable(width=8)(tf.ones((2, 3)), tf.ones((5, 4))).shape
    TensorShape([2, 5])
    """

    def __init__(
        self, width: int = 32, hidden: int = 256, depth: int = 2, **kwargs: Any
    ) -> None:
        check.at_least(1, width=width, hidden=hidden, depth=depth)
        super().__init__(**kwargs)
        self.width, self.hidden, self.depth = width, hidden, depth
        self.query_network = _mlp(hidden, depth, width, "query_network")
        self.key_network = _mlp(hidden, depth, width, "key_network")

    def build(self, queries_shape: Shape, keys_shape: Shape) -> None:  # noqa: D102
        self.query_network.build((None, queries_shape[-1]))
        self.key_network.build((None, keys_shape[-1]))

    def call(self, queries: tf.Tensor, keys: tf.Tensor) -> tf.Tensor:  # noqa: D102
        return tf.matmul(
            self.query_network(queries), self.key_network(keys), transpose_b=True
        )

    def get_config(self) -> dict[str, Any]:  # noqa: D102
        sizes = {"width": self.width, "hidden": self.hidden, "depth": self.depth}
        return {**super().get_config(), **sizes}


@keras.saving.register_keras_serializable(package="cl_keras")
class Concat(layers.Layer):
    """Scores h([x, y]) with one network: the most flexible, n * m passes.

    The first layer of [x, y] is the sum of one of x and one of y, so concatenated
    pairs are never stored.

    Args:
        hidden: Width of the hidden layers.
        depth: Number of hidden layers.
        **kwargs: Of `keras.layers.Layer`.

    Call arguments:
        queries: (n, Dq) tensor; or (..., Dq), to be paired as broadcasting does.
        keys: (m, Dk) tensor; or (..., Dk).

    Returns:
        (n, m) scores of all pairs; or those of the broadcast pairs, (...).

    Raises:
        ValueError: If a number is not positive.

    Example:
    >>> Concat(hidden=8)(tf.ones((2, 3)), tf.ones((5, 4))).shape
    TensorShape([2, 5])
    >>> Concat(hidden=8)(tf.ones((2, 1, 3)), tf.ones((2, 7, 4))).shape
    TensorShape([2, 7])
    """

    def __init__(self, hidden: int = 256, depth: int = 2, **kwargs: Any) -> None:
        check.at_least(1, hidden=hidden, depth=depth)
        super().__init__(**kwargs)
        self.hidden, self.depth = hidden, depth
        self.query_layer = layers.Dense(hidden, name="query_layer")
        self.key_layer = layers.Dense(hidden, use_bias=False, name="key_layer")
        self.rest = _mlp(hidden, depth - 1, 1, "rest")

    def build(self, queries_shape: Shape, keys_shape: Shape) -> None:  # noqa: D102
        self.query_layer.build((None, queries_shape[-1]))
        self.key_layer.build((None, keys_shape[-1]))
        self.rest.build((None, self.hidden))

    def call(self, queries: tf.Tensor, keys: tf.Tensor) -> tf.Tensor:  # noqa: D102
        first, second = self.query_layer(queries), self.key_layer(keys)
        if first.shape.rank == 2 and second.shape.rank == 2:
            first = first[:, tf.newaxis]
        x = tf.nn.relu(first + second)
        scores = self.rest(tf.reshape(x, [-1, self.hidden]))
        return tf.reshape(scores, tf.shape(x)[:-1])

    def get_config(self) -> dict[str, Any]:  # noqa: D102
        return {**super().get_config(), "hidden": self.hidden, "depth": self.depth}


@keras.saving.register_keras_serializable(package="cl_keras")
class Gaussian(layers.Layer):
    """Log-likelihood log q(y | x) of a diagonal Gaussian, for `club`.

    A network gives the mean and the log-variance of y from x. Fit it by the mean of
    the diagonal of its scores: the likelihood of the pairs that belong together.

    Args:
        hidden: Width of the hidden layers.
        depth: Number of hidden layers.
        **kwargs: Of `keras.layers.Layer`.

    Call arguments:
        queries: (n, Dq) tensor.
        keys: (m, Dk) tensor.

    Returns:
        (n, m) float32 log-likelihoods, in nats.

    Raises:
        ValueError: If a number is not positive.

    Reference:
        Cheng et al. (2020), CLUB, section 3.2.

    Example:
    >>> Gaussian(hidden=8)(tf.ones((2, 3)), tf.ones((5, 4))).shape
    TensorShape([2, 5])
    """

    def __init__(self, hidden: int = 256, depth: int = 2, **kwargs: Any) -> None:
        check.at_least(1, hidden=hidden, depth=depth)
        # Differences of squares: half precision would leave nothing of them.
        super().__init__(**{"dtype": "float32"} | kwargs)
        self.hidden, self.depth = hidden, depth

    def build(self, queries_shape: Shape, keys_shape: Shape) -> None:  # noqa: D102
        self.network = _mlp(self.hidden, self.depth, 2 * keys_shape[-1], "network")
        self.network.build((None, queries_shape[-1]))

    def call(self, queries: tf.Tensor, keys: tf.Tensor) -> tf.Tensor:  # noqa: D102
        mean, log_variance = tf.split(self.network(queries), 2, axis=-1)
        # Variances from e^-10 to e^10 of the keys' unit.
        log_variance = 10.0 * tf.tanh(log_variance / 10.0)
        precision = tf.exp(-log_variance)
        # (y - mean)^2 / variance, multiplied out into products of matrices: float64,
        # since far from zero the terms cancel, and around the keys' centre.
        keys, mean, precision = (
            tf.cast(x, tf.float64) for x in (keys, mean, precision)
        )
        centre = tf.stop_gradient(tf.reduce_mean(keys, axis=0))
        keys, mean = keys - centre, mean - centre
        squares = tf.matmul(precision, keys**2, transpose_b=True)
        squares -= 2.0 * tf.matmul(mean * precision, keys, transpose_b=True)
        squares += tf.reduce_sum(mean**2 * precision, -1, keepdims=True)
        own = tf.reduce_sum(log_variance, -1, keepdims=True)
        constant = tf.cast(tf.shape(keys)[-1], own.dtype) * math.log(2.0 * math.pi)
        return -0.5 * (tf.cast(squares, own.dtype) + own + constant)

    def get_config(self) -> dict[str, Any]:  # noqa: D102
        return {**super().get_config(), "hidden": self.hidden, "depth": self.depth}
