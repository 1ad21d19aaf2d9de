# SPDX-License-Identifier: Apache-2.0
"""Vision transformers: ViT-Ti, ViT-S and ViT-B."""

from __future__ import annotations

import math
from typing import Any, Literal

import keras
from keras import initializers, layers

from cl_keras import check
from cl_keras.encoders.input_shape import check_image_shape
from cl_keras.encoders.positions import ClassToken, Positions
from cl_keras.encoders.scaling import SYMMETRIC, Scaling, scaled

Pooling = Literal["token", "mean", "mean_of_norms"]
POOLINGS = ("token", "mean", "mean_of_norms")
POSITIONS = ("learned", "fixed")
# Channels of one head: what ViT-Ti, ViT-S and ViT-B have in common.
HEAD_WIDTH = 64


def vit(
    width: int,
    *,
    depth: int = 12,
    heads: int | None = None,
    hidden: int | None = None,
    patch: int = 16,
    input_shape: tuple[int, int, int] = (224, 224, 3),
    pooling: Pooling = "token",
    class_token: bool = True,
    positions: Literal["learned", "fixed"] = "learned",
    grid: tuple[int, int] | None = None,
    interpolation: str = "timm",
    scaling: Scaling = SYMMETRIC,
    name: str = "vit",
) -> keras.Model:
    """Builds a vision transformer with normalisation in front of each part.

    Layer `"block3_attention"` is the attention of the fourth block, `"block3_output"`
    what the block gives, (batch, tokens, width); `"norm"` the normalised tokens.
    Sides that are no multiple of `patch` lose the rest at the bottom and at the right.

    Args:
        width: Channels of a token, and number of features.
        depth: Number of blocks.
        heads: Attention heads; one for every 64 channels if None.
        hidden: Width inside the blocks' perceptrons; four times `width` if None.
        patch: Side of a patch, in pixels.
        input_shape: (height, width, channels) of float32 images in [0, 1].
        pooling: `"token"`: the class token; `"mean"`: the normalised mean of the
            patches; `"mean_of_norms"`: the mean of the normalised patches.
        class_token: Whether there is a class token.
        positions: `"learned"`, or `"fixed"` to sines and cosines.
        grid: Rows and columns of patches that the weights of the positions are for;
            those of `input_shape` if None. Others are interpolated.
        interpolation: Of positions, `"timm"` or `"dino"`; see `encoders.Positions`.
        scaling: Of pixels: `"symmetric"` (to [-1, 1]), `"imagenet"`, `"cifar10"`,
            `"cifar100"`, or (mean, deviation) by channel.
        name: Name of the model.

    Returns:
        A functional model: (batch, H, W, C) -> (batch, width) float32.

    Raises:
        ValueError: For a wrong input shape, images smaller than a patch, sizes that are
            not positive, a width that heads do not divide, or an unknown name.

    Reference:
        Dosovitskiy et al. (2020), arXiv:2010.11929; sizes of Touvron et al. (2020),
        arXiv:2012.12877, table 1; fixed positions of Chen et al. (2021),
        arXiv:2104.02057, section 4.

    Example:
    >>> vit(64, depth=2, patch=4, input_shape=(16, 16, 1)).output_shape
    (None, 64)
    """
    heads = heads or max(width // HEAD_WIDTH, 1)
    check.one_of("pooling", pooling, POOLINGS)
    check.one_of("positions", positions, POSITIONS)
    check.at_least(1, depth=depth, heads=heads, patch=patch, width=width)
    _check_shapes(input_shape, patch, width, heads, pooling, class_token)
    images = keras.Input(input_shape, name="images")
    x = scaled(images, scaling)
    x = layers.Conv2D(width, patch, patch, padding="valid", name="patches")(x)
    x = Positions(
        grid or x.shape[1:3],
        interpolation=interpolation,
        learned=positions == "learned",
        name="positions",
    )(x)
    x = layers.Reshape((-1, width), name="tokens")(x)
    if class_token:
        x = ClassToken(name="class_token")(x)
    for number in range(depth):
        x = _block(x, heads, hidden or 4 * width, f"block{number}")
    patches = 1 if class_token else 0
    if pooling == "mean":
        x = layers.GlobalAveragePooling1D(name="mean")(x[:, patches:])
        x = _norm("norm")(x)
    else:
        x = _norm("norm")(x)
        x = (
            x[:, 0]
            if pooling == "token"
            else layers.GlobalAveragePooling1D(name="mean")(x[:, patches:])
        )
    # float32 under mixed precision too: losses, probes and clients read this.
    features = layers.Activation("linear", dtype="float32", name="features")(x)
    return keras.Model(images, features, name=name)


@keras.saving.register_keras_serializable(package="cl_keras")
def exact_gelu(x: Any) -> Any:
    """GELU by the error function, not by the hyperbolic tangent.

    As PyTorch has it; Keras's own takes `erfc`, which ONNX does not know.
    """
    return 0.5 * x * (1.0 + keras.ops.erf(x / math.sqrt(2.0)))


def _norm(name: str) -> layers.LayerNormalization:
    return layers.LayerNormalization(epsilon=1e-6, name=name)


def _block(
    x: keras.KerasTensor, heads: int, hidden: int, name: str
) -> keras.KerasTensor:
    width = x.shape[-1]
    kernel = {"kernel_initializer": initializers.TruncatedNormal(stddev=0.02)}
    y = _norm(f"{name}_norm1")(x)
    y = layers.MultiHeadAttention(
        heads, width // heads, name=f"{name}_attention", **kernel
    )(y, y)
    x = layers.Add(name=f"{name}_attended")([x, y])
    y = _norm(f"{name}_norm2")(x)
    y = layers.Dense(hidden, name=f"{name}_hidden", **kernel)(y)
    y = layers.Activation(exact_gelu, name=f"{name}_gelu")(y)
    y = layers.Dense(width, name=f"{name}_dense", **kernel)(y)
    return layers.Add(name=f"{name}_output")([x, y])


def _check_shapes(
    input_shape: tuple[int, int, int],
    patch: int,
    width: int,
    heads: int,
    pooling: str,
    class_token: bool,
) -> None:
    check_image_shape(input_shape)
    if min(input_shape[:2]) < patch:
        raise ValueError(
            f"Expected images of at least one patch of {patch} pixels; `patch` may be "
            f"smaller. Received: input_shape={tuple(input_shape)}"
        )
    if width % heads:
        raise ValueError(
            "`width` must be a multiple of `heads`. Received: "
            f"width={width}, heads={heads}"
        )
    if pooling == "token" and not class_token:
        raise ValueError(
            "Pooling 'token' needs a class token; without one, pool by 'mean'. "
            "Received: class_token=False"
        )


def vit_tiny(
    input_shape: tuple[int, int, int] = (224, 224, 3),
    *,
    patch: int = 16,
    depth: int = 12,
    pooling: Pooling = "token",
    positions: Literal["learned", "fixed"] = "learned",
) -> keras.Model:
    """ViT-Ti: 5 million parameters, 192 features, 3 heads. See `vit`.

    Args:
        input_shape: (height, width, channels).
        patch: Side of a patch, in pixels; about 4 suits images of 32.
        depth: Number of blocks.
        pooling: `"token"` or `"mean"`; see `vit`.
        positions: `"learned"` or `"fixed"`.

    Returns:
        An encoder, (batch, H, W, C) -> (batch, 192).

    Example:
    >>> vit_tiny((32, 32, 3), patch=8, depth=1).output_shape
    (None, 192)
    """
    return vit(
        192,
        input_shape=input_shape,
        patch=patch,
        depth=depth,
        pooling=pooling,
        positions=positions,
        name="vit_tiny",
    )


def vit_small(
    input_shape: tuple[int, int, int] = (224, 224, 3),
    *,
    patch: int = 16,
    depth: int = 12,
    pooling: Pooling = "token",
    positions: Literal["learned", "fixed"] = "learned",
) -> keras.Model:
    """ViT-S: 22 million parameters, 384 features, 6 heads. See `vit`.

    Args:
        input_shape: (height, width, channels).
        patch: Side of a patch, in pixels; about 4 suits images of 32.
        depth: Number of blocks.
        pooling: `"token"` or `"mean"`; see `vit`.
        positions: `"learned"` or `"fixed"`.

    Returns:
        An encoder, (batch, H, W, C) -> (batch, 384).

    Example:
    >>> vit_small((32, 32, 3), patch=8, depth=1).output_shape
    (None, 384)
    """
    return vit(
        384,
        input_shape=input_shape,
        patch=patch,
        depth=depth,
        pooling=pooling,
        positions=positions,
        name="vit_small",
    )


def vit_base(
    input_shape: tuple[int, int, int] = (224, 224, 3),
    *,
    patch: int = 16,
    depth: int = 12,
    pooling: Pooling = "token",
    positions: Literal["learned", "fixed"] = "learned",
) -> keras.Model:
    """ViT-B: 86 million parameters, 768 features, 12 heads. See `vit`.

    Args:
        input_shape: (height, width, channels).
        patch: Side of a patch, in pixels; about 4 suits images of 32.
        depth: Number of blocks.
        pooling: `"token"` or `"mean"`; see `vit`.
        positions: `"learned"` or `"fixed"`.

    Returns:
        An encoder, (batch, H, W, C) -> (batch, 768).

    Example:
    >>> vit_base((32, 32, 3), patch=8, depth=1).output_shape
    (None, 768)
    """
    return vit(
        768,
        input_shape=input_shape,
        patch=patch,
        depth=depth,
        pooling=pooling,
        positions=positions,
        name="vit_base",
    )
