# SPDX-License-Identifier: Apache-2.0
"""Heads that compare embeddings with trained prototypes."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf
from keras import layers

from cl_keras import check
from cl_keras.batch_norm import batch_norm


@keras.saving.register_keras_serializable(package="cl_keras")
class Prototypes(layers.Layer):
    """Cosines of embeddings with trained vectors.

    Args:
        count: Number of prototypes.
        **kwargs: Of `keras.layers.Layer`.

    Raises:
        ValueError: If the count is not positive.
    """

    # Deviation from SwAV: prototypes have length 1 by a division in the forward pass
    # (weight normalisation, as DINO has it), and not by one after each step.

    def __init__(self, count: int, **kwargs: Any) -> None:
        # Softmaxes of cosines over small temperatures need float32.
        super().__init__(**{"dtype": "float32"} | kwargs)
        check.positive(count=count)
        self.count = count

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Draws the prototypes."""
        shape = (input_shape[-1], self.count)
        self.vectors = self.add_weight(
            shape=shape, initializer="random_normal", name="vectors"
        )

    def call(self, embeddings: tf.Tensor) -> tf.Tensor:
        """Computes cosines (b, count) of (b, D)."""
        unit = tf.math.l2_normalize(embeddings, axis=-1)
        vectors = tf.convert_to_tensor(self.vectors)
        return tf.matmul(unit, tf.math.l2_normalize(vectors, axis=0))

    def compute_output_shape(
        self, input_shape: tuple[int | None, ...]
    ) -> tuple[int | None, ...]:
        """(b, count)."""
        return (*input_shape[:-1], self.count)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments."""
        return super().get_config() | {"count": self.count}


def prototype_head(features: int, *, width: int = 512) -> keras.Model:
    """Builds the prototypes of SwAV.

    Args:
        features: Width of the embeddings.
        width: Number of prototypes. The paper's 3,000 are for a million images.

    Returns:
        A functional model: (batch, features) -> (batch, width) float32 cosines.

    Reference:
        Caron et al. (2020), Unsupervised Learning of Visual Features by Contrasting
        Cluster Assignments, arXiv:2006.09882, section 3.1.

    Example:
    >>> prototype_head(128).output_shape
    (None, 512)
    """
    inputs = keras.Input((features,), name="embedding")
    return keras.Model(inputs, Prototypes(width)(inputs), name="prototypes")


def dino_head(
    features: int,
    *,
    hidden: int = 2048,
    bottleneck: int = 256,
    width: int = 1024,
    norm: bool = True,
) -> keras.Model:
    """Builds the head of DINO: three dense layers with GELU, then prototypes.

    Args:
        features: Width of the encoder's features.
        hidden: Width of the hidden layers.
        bottleneck: Width before the prototypes.
        width: Number of prototypes. The paper's 65,536 are for a million images.
        norm: Whether batch normalisation follows hidden layers, as with ResNets in
            lightly; the paper's head has none.

    Returns:
        A functional model: (batch, features) -> (batch, width) float32 cosines.

    Reference:
        Caron et al. (2021), Emerging Properties in Self-Supervised Vision
        Transformers, arXiv:2104.14294, section 3.1 and appendix C.

    Example:
    >>> dino_head(128).output_shape
    (None, 1024)
    """
    inputs = keras.Input((features,), name="features")
    x = inputs
    for _ in range(2):
        x = layers.Dense(hidden, use_bias=not norm)(x)
        x = batch_norm()(x) if norm else x
        x = layers.Activation("gelu")(x)
    x = layers.Dense(bottleneck)(x)
    return keras.Model(inputs, Prototypes(width)(x), name="projector")
