# SPDX-License-Identifier: Apache-2.0
"""Decoder: from features back to an image."""

from __future__ import annotations

import keras
from keras import layers

from cl_keras import check
from cl_keras.batch_norm import batch_norm

# Doubling starts from a grid of 4 to 7 rows and columns.
LARGEST_GRID = 7
SMALLEST_IMAGE = 8


def image_decoder(
    features: int, image_shape: tuple[int, int, int], *, width: int = 32
) -> keras.Model:
    """Builds a decoder of transposed convolutions, the mirror of a small encoder.

    A dense layer gives a grid of 4 to 7 rows and columns; each transposed
    convolution then doubles the sides and halves the channels, down to `width` at
    full resolution, where the last convolution makes the image. Odd sides are cut
    from the next even ones, so any height and width of at least 8 can be had.

    Args:
        features: Width of the encoder's features.
        image_shape: (height, width, channels) of the image.
        width: Channels at full resolution; coarser levels have up to 8 times as
            many.

    Returns:
        A functional model: (batch, features) -> (batch, H, W, C) float32 in [0, 1].

    Raises:
        ValueError: If a number is not positive or the image is smaller than 8 x 8.

    Reference:
        Radford et al. (2015), Unsupervised Representation Learning with Deep
        Convolutional Generative Adversarial Networks, figure 1 (the generator).

    Example:
    >>> image_decoder(128, (32, 32, 3)).output_shape
    (None, 32, 32, 3)
    """
    check.at_least(1, features=features, width=width)
    if (
        len(image_shape) != 3
        or any(not isinstance(side, int) for side in image_shape)
        or min(image_shape[:2]) < SMALLEST_IMAGE
        or image_shape[2] < 1
    ):
        raise ValueError(
            f"`image_shape` must be (height, width, channels), at least "
            f"{SMALLEST_IMAGE} pixels high and wide. "
            f"Received: image_shape={image_shape}"
        )
    *sides, channels = image_shape
    rows, columns = (_sides(side) for side in sides)
    stages = max(len(rows), len(columns)) - 1
    # A short side waits at its coarsest while the long one catches up.
    rows = [rows[0]] * (stages + 1 - len(rows)) + rows
    columns = [columns[0]] * (stages + 1 - len(columns)) + columns
    widths = [width * min(2**level, 8) for level in range(stages, -1, -1)]

    inputs = keras.Input((features,), name="features")
    x = layers.Dense(rows[0] * columns[0] * widths[0], use_bias=False)(inputs)
    x = layers.Reshape((rows[0], columns[0], widths[0]))(x)
    x = layers.ReLU()(batch_norm()(x))
    for stage in range(1, stages + 1):
        wanted = (rows[stage], columns[stage])
        strides = tuple(
            2 if side > before else 1
            for side, before in zip(wanted, x.shape[1:3], strict=True)
        )
        # The kernel is a multiple of the stride: every pixel gets as many terms,
        # which keeps checkerboards out.
        kernel = tuple(4 if stride == 2 else 3 for stride in strides)
        x = layers.Conv2DTranspose(
            widths[stage],
            kernel,
            strides,
            padding="same",
            use_bias=False,
            kernel_initializer="he_normal",
        )(x)
        surplus = [side - want for side, want in zip(x.shape[1:3], wanted, strict=True)]
        if any(surplus):
            x = layers.Cropping2D(((0, surplus[0]), (0, surplus[1])))(x)
        x = layers.ReLU()(batch_norm()(x))
    x = layers.Conv2D(channels, 3, padding="same")(x)
    # float32 under mixed precision too: the loss is taken here.
    image = layers.Activation("sigmoid", dtype="float32", name="image")(x)
    return keras.Model(inputs, image, name="decoder")


def _sides(side: int) -> list[int]:
    """Sides from the coarsest grid to the image, each at most twice the one before."""
    sides = [side]
    while sides[0] > LARGEST_GRID:
        sides.insert(0, -(-sides[0] // 2))
    return sides
