# SPDX-License-Identifier: Apache-2.0
"""Projection heads: from features to the space where the loss is taken."""

from __future__ import annotations

import keras
from keras import layers

from cl_keras import check
from cl_keras.batch_norm import batch_norm


def projection_head(
    features: int,
    *,
    depth: int = 2,
    hidden: int | None = None,
    width: int = 128,
    last_norm: bool = True,
) -> keras.Model:
    """Builds the projector of SimCLR: dense layers, each with batch normalisation.

    Two layers make the head of SimCLR v1, three that of v2. Hidden layers end in
    ReLU; the last has neither ReLU nor an offset. Without `last_norm`, two layers make
    the head of BYOL and its predictor.

    Args:
        features: Width of the encoder's features.
        depth: Number of dense layers, at least 1.
        hidden: Width of hidden layers; by default that of the features.
        width: Width of the embeddings.
        last_norm: Whether batch normalisation follows the last layer.

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
    check.at_least(1, features=features, depth=depth, hidden=hidden, width=width)
    # Deviation: the authors' code draws kernels from N(0, 0.01). Batch
    # normalisation makes the scale irrelevant for the output and the embedding
    # is normalised, so Keras's default initialiser gives the same function class
    # with gradients that do not depend on that constant.
    inputs = keras.Input((features,), name="features")
    x = inputs
    for layer in range(depth):
        last = layer == depth - 1
        x = layers.Dense(width if last else hidden, use_bias=False)(x)
        if not last or last_norm:
            x = batch_norm(center=not last)(x)
        if not last:
            x = layers.ReLU()(x)
    x = layers.Activation("linear", dtype="float32", name="embedding")(x)
    return keras.Model(inputs, x, name="projector")


def byol_head(
    features: int, *, hidden: int = 4096, width: int = 256, depth: int = 2
) -> keras.Model:
    """Builds the projector of BYOL, and its predictor: as `projection_head`.

    Args:
        features: Width of what it gets.
        hidden: Width of hidden layers.
        width: Width of the outputs.
        depth: Number of dense layers, the last without batch normalisation.

    Returns:
        A functional model: (batch, features) -> (batch, width) float32.

    Reference:
        Grill et al. (2020), Bootstrap Your Own Latent, arXiv:2006.07733, section 3.2.

    Example:
    >>> byol_head(512).output_shape
    (None, 256)
    """
    sizes = {"depth": depth, "hidden": hidden, "width": width}
    return projection_head(features, **sizes, last_norm=False)


def mlp_head(
    features: int,
    *,
    hidden: int | None = None,
    width: int | None = None,
    activation: str = "relu",
) -> keras.Model:
    """Builds a projector of two dense layers, without batch normalisation.

    That of MoCo v2; with ELU that of GRACE.

    Args:
        features: Width of what it gets.
        hidden: Width of the first layer; by default that of the features.
        width: Width of the embeddings; by default that of the features.
        activation: Between the layers, by its name in Keras.

    Returns:
        A functional model: (batch, features) -> (batch, width) float32.

    Reference:
        Chen et al. (2020), Improved Baselines with Momentum Contrastive Learning,
        arXiv:2003.04297; Zhu et al. (2020), Deep Graph Contrastive Representation
        Learning, arXiv:2006.04131, section 4.1.2.

    Example:
    >>> mlp_head(64).output_shape
    (None, 64)
    """
    inputs = keras.Input((features,), name="features")
    x = layers.Dense(hidden or features, activation)(inputs)
    x = layers.Dense(width or features)(x)
    x = layers.Activation("linear", dtype="float32", name="embedding")(x)
    return keras.Model(inputs, x, name="projector")


def shortcut_head(
    features: int, *, hidden: int | None = None, width: int | None = None
) -> keras.Model:
    """Builds three dense layers with ReLU, and a linear layer beside them: InfoGraph's.

    Args:
        features: Width of what it gets.
        hidden: Width of the first two layers; by default that of the features.
        width: Width of the embeddings; by default that of the features.

    Returns:
        A functional model: (batch, features) -> (batch, width) float32.

    Reference:
        Sun et al. (2020), InfoGraph, arXiv:1908.01000; the layers are those of the
        authors' code.

    Example:
    >>> shortcut_head(64, width=32).output_shape
    (None, 32)
    """
    inputs = keras.Input((features,), name="features")
    x = inputs
    for units in (hidden or features, hidden or features, width or features):
        x = layers.Dense(units, "relu")(x)
    x = layers.Add()([x, layers.Dense(width or features, name="shortcut")(inputs)])
    x = layers.Activation("linear", dtype="float32", name="embedding")(x)
    return keras.Model(inputs, x, name="projector")


def tanh_head(features: int, *, width: int = 512) -> keras.Model:
    """Builds the projector of COLA: a dense layer, layer normalisation, tanh.

    Args:
        features: Width of what it gets.
        width: Width of the embeddings.

    Returns:
        A functional model: (batch, features) -> (batch, width) float32.

    Reference:
        Saeed et al. (2021), arXiv:2010.10915, section 3.2.

    Example:
    >>> tanh_head(64).output_shape
    (None, 512)
    """
    inputs = keras.Input((features,), name="features")
    x = layers.LayerNormalization(epsilon=1e-5)(layers.Dense(width)(inputs))
    x = layers.Activation("tanh", dtype="float32", name="embedding")(x)
    return keras.Model(inputs, x, name="projector")


def halves_head(features: int, *, width: int = 128) -> keras.Model:
    """Builds a dense layer for each half of the features, without bias.

    Args:
        features: Width of the features, even.
        width: Width of the embedding of a half.

    Returns:
        A functional model: (batch, features) -> (batch, 2 * width) float32: the
        embedding of the first half, then that of the second.

    Raises:
        ValueError: If a width is not positive, or the features cannot be halved.

    Reference:
        Tian et al. (2019), Contrastive Multiview Coding, section 4.1.

    Example:
    >>> halves_head(64, width=16).output_shape
    (None, 32)
    """
    check.at_least(1, features=features, width=width)
    if features % 2:
        raise ValueError(f"`features` must be even. Received: features={features}")
    inputs = keras.Input((features,), name="features")
    half = features // 2
    embeddings = [
        layers.Dense(width, use_bias=False)(part)
        for part in (inputs[:, :half], inputs[:, half:])
    ]
    x = layers.Concatenate(dtype="float32", name="embedding")(embeddings)
    return keras.Model(inputs, x, name="projector")
