# SPDX-License-Identifier: Apache-2.0
"""Networks of Deep InfoMax that are used in training only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import keras
import tensorflow as tf
from keras import layers

from cl_keras import check, distribute
from cl_keras.batch_norm import batch_norm


@keras.saving.register_keras_serializable(package="cl_keras")
class NoisyIdentity(keras.initializers.Initializer):
    """Ones on the diagonal of a matrix, uniform noise elsewhere.

    Args:
        scale: The noise is in [-scale, scale].
        seed: Of the noise.

    Example:
    >>> NoisyIdentity(scale=0.0)((2, 3)).numpy()
    array([[1., 0., 0.],
           [0., 1., 0.]], dtype=float32)
    """

    def __init__(self, scale: float = 0.01, seed: int | None = None) -> None:
        self.scale = scale
        self.seed = seed

    def __call__(  # noqa: D102
        self, shape: tuple[int, int], dtype: str | None = None
    ) -> tf.Tensor:
        noise = keras.random.uniform(
            shape, -self.scale, self.scale, dtype=dtype, seed=self.seed
        )
        diagonal = tf.ones([min(shape)], noise.dtype)
        return tf.linalg.set_diag(noise, diagonal)

    def get_config(self) -> dict[str, Any]:  # noqa: D102
        return {"scale": self.scale, "seed": self.seed}


def infomax_network(
    features: int, width: int = 512, name: str = "infomax_network"
) -> keras.Model:
    """Builds the residual network before the dot product of Deep InfoMax.

    Two dense layers beside a shortcut that starts near the identity, then layer
    normalisation. Applied to each location of a map by itself, that is the paper's
    block of 1x1 convolutions: give it (batch * locations, features).

    Args:
        features: Width of what comes in.
        width: Width of what is compared. 2048 in the paper.
        name: Name of the model.

    Returns:
        A functional model: (rows, features) -> (rows, width) float32.

    Raises:
        ValueError: If a width is not positive.

    Reference:
        Hjelm et al. (2018), appendix A.2. Deviation: the scale of the layer
        normalisation starts at width^(-1/4), not at 1, so that products of two
        networks start with a deviation of 1 and not of the root of the width (45 in
        the paper): a softmax over thousands of them has a gradient from the first
        step. The scale is trained, so the functions are the same.

    Example:
    >>> infomax_network(64, width=128).output_shape
    (None, 128)
    """
    check.at_least(1, features=features, width=width)
    inputs = keras.Input((features,), name="features")
    x = layers.Dense(width, use_bias=False, kernel_initializer="he_normal")(inputs)
    x = layers.ReLU()(batch_norm()(x))
    x = layers.Dense(width)(x)
    shortcut = layers.Dense(
        width, use_bias=False, kernel_initializer=NoisyIdentity(), name="shortcut"
    )(inputs)
    x = layers.LayerNormalization(
        epsilon=1e-5,
        gamma_initializer=keras.initializers.Constant(width**-0.25),
        dtype="float32",  # Scores are sums of many products.
        name="embedding",
    )(layers.Add()([x, shortcut]))
    return keras.Model(inputs, x, name=name)


@keras.saving.register_keras_serializable(package="cl_keras")
class PriorMatching(layers.Layer):
    """Pulls codes towards a distribution, by a discriminator that is trained along.

    Two losses, each of which teaches one side only: the codes learn to be taken for
    samples, with the discriminator's weights fixed; the discriminator learns to tell
    them apart, with the codes fixed, and pays for steep answers.

    Args:
        units: Width of each hidden layer of the discriminator.
        penalty: Weight of its squared gradient by codes and samples.
        **kwargs: Of `keras.layers.Layer`.

    Call arguments:
        codes: (b, D) tensor.
        samples: (b, D) samples of the distribution.

    Returns:
        (b,) losses of the codes and (b,) losses of the discriminator, float32. With
        a discriminator that always answers 0: ln 2 and 2 ln 2.

    Raises:
        ValueError: If a width is not positive or the penalty negative.

    Reference:
        Hjelm et al. (2018), equation 7 and appendix A.2: 1000 and 200 units. As in the
        authors' code the codes' loss does not saturate (Goodfellow et al., 2014), and
        the penalty is that of Mescheder et al. (2018), on both sides.

    Example:
    >>> codes, judge = PriorMatching()(tf.zeros((3, 4)), tf.ones((3, 4)))
    >>> codes.shape, judge.shape
    (TensorShape([3]), TensorShape([3]))
    """

    def __init__(
        self,
        units: Sequence[int] = (1000, 200),
        penalty: float = 1.0,
        **kwargs: Any,
    ) -> None:
        check.at_least(1, **{f"units[{i}]": value for i, value in enumerate(units)})
        check.not_negative(penalty=penalty)
        # The gradient of the discriminator is itself part of a loss: float32.
        super().__init__(**{"dtype": "float32"} | kwargs)
        self.units = tuple(units)
        self.penalty = penalty
        hidden = [
            layers.Dense(width, activation="relu", dtype="float32") for width in units
        ]
        self.discriminator = keras.Sequential(
            [*hidden, layers.Dense(1, dtype="float32")], name="discriminator"
        )

    def build(  # noqa: D102
        self,
        codes_shape: tuple[int | None, ...],
        samples_shape: tuple[int | None, ...] | None = None,
    ) -> None:
        self.discriminator.build((None, codes_shape[-1]))

    def call(  # noqa: D102
        self, codes: tf.Tensor, samples: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        # Read once for both sides: TensorFlow's optimizer of graphs lets the update of
        # a variable overtake a read that the update itself does not depend on.
        weights = [
            tf.convert_to_tensor(w) for w in self.discriminator.trainable_variables
        ]
        taken = tf.nn.softplus(-self._logits(codes, map(tf.stop_gradient, weights)))
        real, real_slope = self._judge(samples, weights)
        fake, fake_slope = self._judge(tf.stop_gradient(codes), weights)
        told_apart = tf.nn.softplus(-real) + tf.nn.softplus(fake)
        return taken, told_apart + 0.5 * self.penalty * (real_slope + fake_slope)

    def samples(self, codes: tf.Tensor, seeds: keras.random.SeedGenerator) -> tf.Tensor:
        """Draws from the uniform distribution on [0, 1], as many as there are codes."""
        width = codes.shape[-1]
        return distribute.draw_rows(
            tf.shape(codes)[0],
            lambda rows: keras.random.uniform((rows, width), seed=seeds),
        )

    def _logits(self, codes: tf.Tensor, weights: Iterable[tf.Tensor]) -> tf.Tensor:
        logits, _ = self.discriminator.stateless_call(list(weights), [], codes)
        return logits[:, 0]

    def _judge(
        self, codes: tf.Tensor, weights: list[tf.Tensor]
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Logits of codes, and their squared gradients by the codes."""
        with tf.GradientTape() as tape:
            tape.watch(codes)
            logits = self._logits(codes, weights)
        slope = tape.gradient(logits, codes)
        return logits, tf.reduce_sum(tf.square(slope), axis=-1)

    def get_config(self) -> dict[str, Any]:  # noqa: D102
        own = {"units": self.units, "penalty": self.penalty}
        return {**super().get_config(), **own}


def copy_after(encoder: keras.Model, layer: str) -> keras.Model:
    """Copies the layers of an encoder that come after one, with weights of its own.

    Args:
        encoder: Functional model.
        layer: Name of the layer whose output the copy takes.

    Returns:
        A functional model from that layer's output to the encoder's features.

    Raises:
        ValueError: If a path from the inputs to the features avoids the layer.

    Example:
    >>> images = keras.Input((8, 8, 3))
    >>> maps = keras.layers.Conv2D(4, 3, name="maps")(images)
    >>> encoder = keras.Model(images, keras.layers.GlobalAveragePooling2D()(maps))
    >>> copy_after(encoder, "maps").input_shape
    (None, 6, 6, 4)
    """
    start = encoder.get_layer(layer).output
    try:
        rest = keras.Model(start, encoder.outputs[0], name="second_encoder")
    except ValueError as error:
        raise ValueError(
            "Expected a layer that all paths to the features go through, such as "
            f"the end of a residual block. Received: {layer!r} of {encoder.name}"
        ) from error
    return keras.models.clone_model(rest)
