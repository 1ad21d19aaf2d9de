# SPDX-License-Identifier: Apache-2.0
"""Projection heads: from features to the space where the loss is taken."""

from __future__ import annotations

import keras
from keras import layers

from cl_keras.batch_norm import batch_norm


def projection_head(
    features: int,
    *,
    depth: int = 2,
    hidden: int | None = None,
    width: int = 128,
) -> keras.Model:
    """Builds the projector of SimCLR: dense layers, each with batch normalisation.

    Two layers make the head of SimCLR v1, three that of v2. Hidden layers end in
    ReLU; the last has neither ReLU nor an offset.

    Args:
        features: Width of the encoder's features.
        depth: Number of dense layers, at least 1.
        hidden: Width of hidden layers; by default that of the features.
        width: Width of the embeddings.

    Returns:
        A functional model: (batch, features) -> (batch, width) float32.

    Raises:
        ValueError: If a number is not positive.

    Reference:
        Chen et al. (2020), A Simple Framework for Contrastive Learning of Visual
        Representations, section 4.2; Chen et al. (2020), Big Self-Supervised
        Models are Strong Semi-Supervised Learners, section 2 (three layers).

    Example:
    >>> projection_head(512).output_shape
    (None, 128)
    """
    hidden = features if hidden is None else hidden
    for name, value in (
        ("features", features),
        ("depth", depth),
        ("hidden", hidden),
        ("width", width),
    ):
        if value < 1:
            raise ValueError(f"`{name}` must be at least 1. Received: {name}={value}")
    # Deviation: the authors' code draws kernels from N(0, 0.01). Batch
    # normalisation makes the scale irrelevant for the output and the embedding
    # is normalised, so Keras's default initialiser gives the same function class
    # with gradients that do not depend on that constant.
    inputs = keras.Input((features,), name="features")
    x = inputs
    for layer in range(depth):
        last = layer == depth - 1
        x = layers.Dense(width if last else hidden, use_bias=False)(x)
        x = batch_norm(center=not last)(x)
        if not last:
            x = layers.ReLU()(x)
    x = layers.Activation("linear", dtype="float32", name="embedding")(x)
    return keras.Model(inputs, x, name="projector")
