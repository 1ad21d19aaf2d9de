# SPDX-License-Identifier: Apache-2.0
"""CPC's encoder of images: a grid of patches, read from top to bottom."""

from __future__ import annotations

import keras
from keras import layers

from cl_keras import check
from cl_keras.encoders.input_shape import check_image_shape


def patch_grid(
    input_shape: tuple[int, int, int] = (32, 32, 3),
    *,
    patch: int = 8,
    stride: int | None = None,
    width: int = 32,
    channels: int = 128,
    depth: int = 5,
    name: str = "patch_grid",
) -> keras.Model:
    """Encodes overlapping patches one by one, then sums up the rows seen so far.

    Layer `"latents"`, (batch, rows, columns, channels), holds one vector a patch;
    layer `"context"`, of the same shape, sees its own row and the rows above it,
    by masked convolutions. Features are the means of context and latents over the
    grid. Patches of 8 pixels at every 4 make a 7 x 7 grid of a 32-pixel image.

    Each position is normalised over its own channels: batch normalisation would
    carry information between patches, with which the contrastive task can be
    solved without learning.

    Deviations: the paper encodes patches of 64 pixels with a ResNet-v2-101; here
    three convolutions suit patches of 8.

    Args:
        input_shape: (height, width, channels) of float32 images in [0, 1].
        patch: Side of a patch, in pixels.
        stride: Pixels from one patch to the next; half a patch if None.
        width: Channels of the first convolution; the others have twice as many.
        channels: Width of latents and context.
        depth: Masked convolutions: the rows above that a context sees.
        name: Name of the model.

    Returns:
        A functional model: (batch, H, W, C) -> (batch, 2 * channels) float32.

    Raises:
        ValueError: For a wrong input shape, sizes that are not positive, or a grid
            of fewer than two rows.

    Reference:
        van den Oord et al. (2018), arXiv:1807.03748, section 3.2; Henaff et al.
        (2019), arXiv:1905.09272, appendix, for the context network.

    Example:
    >>> encoder = patch_grid((32, 32, 3), channels=16)
    >>> encoder.get_layer("latents").output.shape, encoder.output_shape
    ((None, 7, 7, 16), (None, 32))
    """
    stride = max(patch // 2, 1) if stride is None else stride
    check_image_shape(input_shape)
    check.at_least(1, patch=patch, stride=stride, width=width)
    check.at_least(1, channels=channels, depth=depth)
    rows, columns = ((side - patch) // stride + 1 for side in input_shape[:2])
    if min(rows, columns) < 1 or rows < 2:
        raise ValueError(
            "Rows are predicted from rows above, so the grid needs at least two. "
            f"Received: patches of {patch} pixels at every {stride} in an image of "
            f"{tuple(input_shape[:2])}, {max(rows, 0)} x {max(columns, 0)} patches"
        )
    images = keras.Input(input_shape, name="images")
    x = layers.Rescaling(2.0, offset=-1.0)(images)
    # Keras's own operations only, so that the encoder loads without this package.
    x = keras.ops.image.extract_patches(x, patch, stride, padding="valid")
    # Patches along the batch axis: what follows sees each as an image of its own.
    x = keras.ops.reshape(x, (-1, patch, patch, input_shape[-1]))
    for filters, step in ((width, 1), (2 * width, 2), (2 * width, 1)):
        x = layers.Conv2D(
            filters, 3, step, padding="same", kernel_initializer="he_normal"
        )(x)
        x = layers.ReLU()(layers.LayerNormalization(epsilon=1e-5)(x))
    x = layers.GlobalAveragePooling2D(name="mean_patch")(x)
    x = keras.ops.reshape(x, (-1, rows, columns, 2 * width))
    latents = layers.Dense(channels, name="latents")(x)
    x = latents
    for _ in range(depth):
        x = layers.Add()([x, _rows_above(x, channels)])
    context = layers.ReLU(name="context")(x)
    # float32 under mixed precision too: losses, probes and clients read this.
    means = [
        layers.GlobalAveragePooling2D(dtype="float32", name=f"mean_{part}")(values)
        for part, values in (("context", context), ("latents", latents))
    ]
    features = layers.Concatenate(dtype="float32", name="features")(means)
    return keras.Model(images, features, name=name)


def _rows_above(x: keras.KerasTensor, channels: int) -> keras.KerasTensor:
    """One masked block: a row sees itself and the row above, never one below."""
    y = layers.ReLU()(layers.Conv2D(channels, 1)(x))
    y = layers.Conv2D(channels, (1, 3), padding="same")(y)
    y = layers.ZeroPadding2D(((1, 0), (0, 0)))(y)
    y = layers.ReLU()(layers.Conv2D(channels, (2, 1), padding="valid")(y))
    return layers.Conv2D(channels, 1)(y)
