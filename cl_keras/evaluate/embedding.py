# SPDX-License-Identifier: Apache-2.0
"""Features of many images."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

from cl_keras import check
from cl_keras.preprocessing.pixel_scale import check_pixel_scale
from cl_keras.preprocessing.pixels import (
    check_channels_last,
    check_pixels,
    known_range,
    unit_pixels,
)
from cl_keras.progress import Progress
from cl_keras.specification import only_output


class NotFiniteError(ValueError):
    """Features with NaN or infinity: training has most likely diverged."""


def embed(
    encoder: keras.Model, images: np.ndarray, batch_size: int = 512
) -> np.ndarray:
    """Features of images, in inference mode.

    Args:
        encoder: Maps float32 images in [0, 1], `(batch, H, W, C)`, to features.
        images: uint8 images, scaled to [0, 1] batch by batch, or float images that
            already are, `(n, H, W, C)`.
        batch_size: Images in one call of the encoder.

    Returns:
        float32 features, `(n, D)`, also of an encoder in mixed precision.

    Raises:
        ValueError: For images of another rank or type, floats beyond [0, 1], no images,
            a `batch_size` below 1, an encoder of other pixels, or outputs that are not
            `(n, D)`.
        NotFiniteError: If features are not finite, which is a ValueError too.

    Example:
    >>> encoder = keras.Sequential([keras.Input((2, 2, 1)), keras.layers.Flatten()])
    >>> embed(encoder, np.full((3, 2, 2, 1), 255, np.uint8)).shape
    (3, 4)
    """
    images = np.asarray(images)
    if images.ndim != 4 or not len(images):
        raise ValueError(
            "`images` must be (n, H, W, C) with n of at least 1. "
            f"Received: shape={images.shape}"
        )
    try:
        check_pixels(images)
    except TypeError as error:
        raise ValueError(
            f"`images` must be uint8, or floats in [0, 1]. {error}"
        ) from None
    check.at_least(1, batch_size=batch_size)

    check_channels_last(images.shape[1:])
    check_pixel_scale(encoder)

    def forward(batch: tf.Tensor) -> tf.Tensor:
        with known_range():
            pixels = unit_pixels(batch)
        return only_output(encoder(pixels, training=False))

    # Traced once for this call. Calling the `tf.function` itself would make
    # TensorFlow warn of retracing when several encoders are scored in a row.
    features = tf.function(forward).get_concrete_function(
        tf.TensorSpec((None, *images.shape[1:]), images.dtype)
    )
    batches = []
    progress = Progress("images encoded", len(images))
    for start in range(0, len(images), batch_size):
        output = features(tf.constant(images[start : start + batch_size]))
        if not tf.is_tensor(output) or output.shape.rank != 2:
            received = getattr(output, "shape", type(output).__name__)
            raise ValueError(
                "The encoder must give features of shape (batch, D). "
                f"Received: {received}"
            )
        block = tf.cast(output, tf.float32).numpy()
        finite = np.isfinite(block).all(axis=1)
        if not finite.all():
            raise NotFiniteError(
                "The encoder's features must be finite. Received: NaN or infinity for "
                f"{int((~finite).sum())} of {len(block)} images from image "
                f"{start + int(np.argmin(finite))} on. Did training diverge?"
            )
        batches.append(block)
        progress.add(len(block))
    return np.concatenate(batches)
