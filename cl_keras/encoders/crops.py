# SPDX-License-Identifier: Apache-2.0
"""Mean features of many crops in place of the features of one image."""

from __future__ import annotations

import itertools

import keras
from keras import layers, ops

from cl_keras import check


def mean_of_crops(
    encoder: keras.Model, grid: int = 3, side: float = 0.75
) -> keras.Model:
    """Averages an encoder's features over crops of an image and their mirror images.

    The whole image, and crops on a grid, each resized to the size of the image. It
    takes `2 * (1 + grid**2)` times as long as the encoder, whose weights it shares.

    Args:
        encoder: From images of one size, (batch, H, W, C), to (batch, features).
        grid: Crops in each direction; 0 for the whole image alone.
        side: Side of a crop, as a share of the image's, above 0 and at most 1.

    Returns:
        A model from the same inputs to (batch, features) float32.

    Raises:
        ValueError: If a number is out of range, or the encoder takes no images of one
            size.

    Example:
    >>> mean_of_crops(encoders.compact_resnet(), grid=2).output_shape
    (None, 128)

    Reference:
        Krizhevsky et al. (2012), ImageNet Classification with Deep Convolutional Neural
        Networks, section 4.1; of features, Tong et al. (2023), arXiv:2304.03977,
        section 3. Deviation: crops on a grid, where the latter draws them.
    """
    check.at_least(0, grid=grid)
    check.positive(side=side)
    check.between(0, 1, side=side)
    shape = getattr(encoder, "input_shape", None)
    if not isinstance(shape, tuple) or len(shape) != 4 or None in shape[1:]:
        raise ValueError(
            "Expected a Keras model that takes images of one size, (batch, height, "
            f"width, channels), to average over crops. Received: {shape}"
        )
    images = keras.Input(shape[1:], name="images")
    rows, columns = (_cuts(size, round(size * side), grid) for size in shape[1:3])
    resize = layers.Resizing(*shape[1:3], dtype="float32")
    views = [images]
    views += [
        resize(layers.Cropping2D(cut)(images))
        for cut in itertools.product(rows, columns)
    ]
    views += [ops.flip(view, axis=2) for view in views]
    features = encoder(ops.concatenate(views, axis=0))
    features = ops.reshape(features, (len(views), -1, features.shape[-1]))
    return keras.Model(images, ops.mean(features, axis=0), name=f"{encoder.name}_crops")


def _cuts(size: int, kept: int, count: int) -> list[tuple[int, int]]:
    """What is cut off before and after, for evenly spaced places of what is kept."""
    spare = max(size - kept, 0)
    starts = [round(spare * i / (count - 1)) for i in range(count)] if count > 1 else []
    starts = starts or [spare // 2] * count
    return [(start, spare - start) for start in starts]
