# SPDX-License-Identifier: Apache-2.0
"""Residual networks: ResNet-18/34/50 and a compact one for small images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import keras
from keras import layers

from cl_keras import check
from cl_keras.batch_norm import batch_norm
from cl_keras.encoders.input_shape import check_image_shape
from cl_keras.encoders.scaling import SYMMETRIC, Scaling, scaled

Stem = Literal[
    "imagenet", "small", "strided", "torchvision", "small_padded", "small_linear"
]


class _Stem(NamedTuple):
    """What stands in front of the stages."""

    kernel: int
    stride: int = 1
    padding: int | None = None  # Half of the kernel.
    activation: bool = True
    pooling: Literal["same", "both"] | None = None


STEMS = {
    "imagenet": _Stem(7, 2, pooling="same"),
    "small": _Stem(3),
    "strided": _Stem(3, 2),
    # The others are those of published weights. PyTorch pads max-pooling on both sides,
    # Keras's "same" even sides at the bottom and at the right only.
    "torchvision": _Stem(7, 2, pooling="both"),
    # solo-learn's for CIFAR: 34 x 34 of 32 x 32 pixels.
    "small_padded": _Stem(3, padding=2),
    # lightly's for CIFAR: its networks are taken apart, and lose a ReLU in between.
    "small_linear": _Stem(3, activation=False),
}
# Channels of the four stages of every ResNet of the paper.
WIDTHS = (64, 128, 256, 512)


def _conv(
    x: keras.KerasTensor,
    width: int,
    kernel: int,
    stride: int = 1,
    *,
    name: str,
    pad: int | None = None,
    gamma: str = "ones",
) -> keras.KerasTensor:
    """A convolution and its batch normalisation."""
    # Explicit padding: with stride 2, "same" would pad bottom and right only.
    if pad is not None or (kernel > 1 and stride > 1):
        x = layers.ZeroPadding2D(kernel // 2 if pad is None else pad)(x)
        padding = "valid"
    else:
        padding = "same"
    x = layers.Conv2D(
        width,
        kernel,
        stride,
        padding=padding,
        use_bias=False,
        kernel_initializer="he_normal",
        name=name,
    )(x)
    return batch_norm(gamma_initializer=gamma, name=f"{name}_norm")(x)


def _stem(x: keras.KerasTensor, width: int, stem: _Stem) -> keras.KerasTensor:
    x = _conv(x, width, stem.kernel, stem.stride, pad=stem.padding, name="stem")
    if stem.activation:
        x = layers.ReLU()(x)
    if stem.pooling == "both":
        # Zeros, which are never above what a ReLU gives.
        return layers.MaxPooling2D(3, 2)(layers.ZeroPadding2D(1)(x))
    return layers.MaxPooling2D(3, 2, padding="same")(x) if stem.pooling else x


def _block(
    x: keras.KerasTensor,
    width: int,
    stride: int,
    bottleneck: bool,
    expansion: int,
    name: str,
) -> keras.KerasTensor:
    out = expansion * width if bottleneck else width
    shortcut = x
    if stride > 1 or x.shape[-1] != out:
        shortcut = _conv(x, out, 1, stride, name=f"{name}_shortcut")
    convs = 3 if bottleneck else 2
    if bottleneck:
        x = layers.ReLU()(_conv(x, width, 1, name=f"{name}_conv1"))
    x = layers.ReLU()(_conv(x, width, 3, stride, name=f"{name}_conv{convs - 1}"))
    # The last gamma of a block starts at 0, so that the block starts as identity.
    residual = _conv(
        x, out, 1 if bottleneck else 3, name=f"{name}_conv{convs}", gamma="zeros"
    )
    return layers.ReLU(name=f"{name}_output")(layers.Add()([residual, shortcut]))


def resnet(
    blocks: Sequence[int],
    widths: Sequence[int],
    *,
    input_shape: tuple[int, int, int],
    stem: Stem,
    bottleneck: bool = False,
    expansion: int = 4,
    stem_width: int | None = None,
    scaling: Scaling = SYMMETRIC,
    name: str = "resnet",
) -> keras.Model:
    """Builds a residual network that ends in a global average.

    Layer `"stage2_block0_output"` is what the first block of the third stage gives.

    Args:
        blocks: Number of residual blocks in each stage.
        widths: Channels of each stage (a quarter of its output if `bottleneck`).
            Each stage but the first halves the resolution.
        input_shape: (height, width, channels) of float32 images in [0, 1].
        stem: `"imagenet"` (7x7 stride 2, then max-pooling: 1/4 of the resolution),
            `"small"` (3x3, full resolution, as SimCLR does for CIFAR) or
            `"strided"` (3x3 stride 2: 1/2 of the resolution). Those of published
            weights: `"torchvision"` (`"imagenet"`, max-pooling padded on both sides),
            `"small_padded"` (`"small"`, padded by 2) and `"small_linear"` (without
            ReLU).
        bottleneck: Whether blocks are 1x1, 3x3, 1x1 instead of two 3x3.
        expansion: Channels that a bottleneck gives, as a multiple of its width.
        stem_width: Channels of the stem; those of the first stage if None.
        scaling: Of pixels: `"symmetric"` (to [-1, 1]), `"imagenet"`, `"cifar10"`,
            `"cifar100"`, or (mean, deviation) by channel.
        name: Name of the model.

    Returns:
        A functional model: (batch, H, W, C) -> (batch, features) float32.

    Raises:
        ValueError: For a wrong input shape, an unknown stem, or stages that do
            not match.

    Reference:
        He et al. (2015), Deep Residual Learning for Image Recognition; the
        zero-initialised last gamma is from Goyal et al. (2017), section 5.1.

    Example:
    >>> resnet([1, 1], [8, 16], input_shape=(32, 32, 3), stem="small").output_shape
    (None, 16)
    """
    if stem not in STEMS:
        raise ValueError(f"`stem` must be one of {(*STEMS,)}. Received: stem={stem!r}")
    if len(blocks) != len(widths) or not blocks:
        raise ValueError(
            "`blocks` and `widths` must have one entry a stage. "
            f"Received: blocks={blocks}, widths={widths}"
        )
    check_image_shape(input_shape)
    images = keras.Input(input_shape, name="images")
    x = _stem(scaled(images, scaling), stem_width or widths[0], STEMS[stem])
    for stage, (count, width) in enumerate(zip(blocks, widths, strict=True)):
        for block in range(count):
            stride = 2 if stage > 0 and block == 0 else 1
            name_of_block = f"stage{stage}_block{block}"
            x = _block(x, width, stride, bottleneck, expansion, name_of_block)
    # float32 under mixed precision too: losses, probes and clients read this.
    features = layers.GlobalAveragePooling2D(dtype="float32", name="features")(x)
    return keras.Model(images, features, name=name)


def resnet18(
    input_shape: tuple[int, int, int] = (224, 224, 3), stem: Stem = "imagenet"
) -> keras.Model:
    """ResNet-18: 11 million parameters, 512 features. See `resnet`.

    Args:
        input_shape: (height, width, channels).
        stem: Use `"small"` for images of about 32 pixels.

    Returns:
        An encoder, (batch, H, W, C) -> (batch, 512).

    Example:
    >>> resnet18(input_shape=(32, 32, 3), stem="small").output_shape
    (None, 512)
    """
    return resnet(
        [2, 2, 2, 2], WIDTHS, input_shape=input_shape, stem=stem, name="resnet18"
    )


def resnet34(
    input_shape: tuple[int, int, int] = (224, 224, 3), stem: Stem = "imagenet"
) -> keras.Model:
    """ResNet-34: 21 million parameters, 512 features. See `resnet`.

    Args:
        input_shape: (height, width, channels).
        stem: Use `"small"` for images of about 32 pixels.

    Returns:
        An encoder, (batch, H, W, C) -> (batch, 512).

    Example:
    >>> resnet34(input_shape=(32, 32, 3), stem="small").output_shape
    (None, 512)
    """
    return resnet(
        [3, 4, 6, 3], WIDTHS, input_shape=input_shape, stem=stem, name="resnet34"
    )


def resnet50(
    input_shape: tuple[int, int, int] = (224, 224, 3), stem: Stem = "imagenet"
) -> keras.Model:
    """ResNet-50 with bottleneck blocks: 23 million parameters, 2048 features.

    Args:
        input_shape: (height, width, channels).
        stem: Use `"small"` for images of about 32 pixels.

    Returns:
        An encoder, (batch, H, W, C) -> (batch, 2048).

    Example:
    >>> resnet50(input_shape=(32, 32, 3), stem="small").output_shape
    (None, 2048)
    """
    return resnet(
        [3, 4, 6, 3],
        WIDTHS,
        input_shape=input_shape,
        stem=stem,
        bottleneck=True,
        name="resnet50",
    )


def compact_resnet(
    input_shape: tuple[int, int, int] = (32, 32, 3),
    *,
    width: int = 32,
    blocks: int = 2,
    stages: int = 3,
    stem: Stem = "strided",
) -> keras.Model:
    """A small ResNet for small images and processors without accelerator.

    Stages of `width`, 2, 4, ... times `width` channels; with the defaults
    697 thousand parameters and 128 features.

    Args:
        input_shape: (height, width, channels).
        width: Channels of the first stage.
        blocks: Residual blocks a stage.
        stages: Number of stages. Each after the first halves the resolution and
            doubles the channels, so it costs about as much as the one before.
        stem: `"strided"` starts at half the resolution; `"small"` at the full one.

    Returns:
        An encoder, (batch, H, W, C) -> (batch, 2 ** (stages - 1) * width).

    Raises:
        ValueError: If a number is below 1, or the input shape or stem is wrong.

    Example:
    >>> compact_resnet().output_shape
    (None, 128)
    """
    check.at_least(1, width=width, blocks=blocks, stages=stages)
    return resnet(
        [blocks] * stages,
        [width * 2**stage for stage in range(stages)],
        input_shape=input_shape,
        stem=stem,
        name="compact_resnet",
    )
