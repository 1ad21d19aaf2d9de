# SPDX-License-Identifier: Apache-2.0
"""A fixed first convolution, after which neighbouring pixels are uncorrelated.

Neighbouring pixels are nearly alike, and networks spend their first epochs to learn
what differs between them. The kernels here are the principal components of small
patches, each scaled to variance 1, and their negatives: images decide them, not
training.
"""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from cl_keras.rebuilding import WHITENING

_SIZE = 2


def whitening(images: keras.KerasTensor) -> keras.KerasTensor:
    """Adds the convolution and a ReLU; until `whiten` its kernels are random."""
    x = layers.Conv2D(
        2 * _SIZE**2 * images.shape[-1],
        _SIZE,
        padding="same",
        use_bias=False,
        trainable=False,
        kernel_initializer="he_normal",
        name=WHITENING,
    )(images)
    return layers.ReLU()(x)


def whiten(
    encoder: keras.Model, images: np.ndarray | tf.Tensor, epsilon: float = 5e-4
) -> None:
    """Sets the first convolution of an encoder by images, before training.

    `cl-keras train` does it with the first batch.

    Args:
        encoder: With such a convolution, as `compact_conv` has.
        images: (n, H, W, C), as the encoder takes them; a few hundred are enough.
        epsilon: Added to the variances (of pixels in [-1, 1]), so that what hardly
            varies is not blown up.

    Raises:
        ValueError: If the encoder has no such convolution.

    Example:
    >>> encoders.whiten(encoders.compact_conv(), images)

    Reference:
        Jordan (2024), 94% on CIFAR-10 in 3.29 seconds on a single GPU,
        arXiv:2404.00498, section 3.2, after Page (2019). Deviation: no bias.
    """
    if WHITENING not in {layer.name for layer in encoder.layers}:
        raise ValueError(
            f"Expected an encoder with a layer {WHITENING!r}, such as "
            f"compact_conv(). Received: {encoder.name}"
        )
    layer = encoder.get_layer(WHITENING)
    pixels = keras.Model(encoder.input, layer.input)(images, training=False)
    shape = (1, _SIZE, _SIZE, 1)
    ones = (1, 1, 1, 1)
    patches = tf.image.extract_patches(pixels, shape, ones, ones, "VALID")
    rows = np.reshape(patches, (-1, patches.shape[-1])).astype(np.float64)
    variances, components = np.linalg.eigh(np.cov(rows, rowvar=False))
    kernel = (components / np.sqrt(variances + epsilon)).reshape(
        _SIZE, _SIZE, pixels.shape[-1], -1
    )
    layer.set_weights([np.concatenate([kernel, -kernel], axis=-1)])
