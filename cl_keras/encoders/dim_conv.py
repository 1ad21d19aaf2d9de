# SPDX-License-Identifier: Apache-2.0
"""The encoder of the Deep InfoMax paper for 32x32 images."""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import layers

from cl_keras.batch_norm import batch_norm
from cl_keras.encoders.input_shape import check_image_shape


def dim_conv(
    input_shape: tuple[int, int, int] = (32, 32, 3),
    *,
    widths: Sequence[int] = (64, 128, 256),
    hidden: int = 1024,
    code: int = 64,
) -> keras.Model:
    """Convolutions that halve the image, a fully connected layer, a short code.

    Each convolution is 4x4 with stride 2, batch normalisation and ReLU, whose outputs
    are the layers `conv1`, `conv2`, ...; then `fc`, with both too, and the linear
    `code`. For 32x32 images `conv2` is the paper's map of local features, 8x8x128,
    and `conv3` and `fc` are what it classifies beside the code.

    Args:
        input_shape: (height, width, channels) of float32 images in [0, 1].
        widths: Channels of each convolution.
        hidden: Width of the fully connected layer.
        code: Width of the code, the features.

    Returns:
        A functional model: (batch, H, W, C) -> (batch, code) float32.

    Raises:
        ValueError: If a size is not positive.

    Reference:
        Hjelm et al. (2018), Learning Deep Representations by Mutual Information
        Estimation and Maximization, appendix A.2 (after the encoder of DCGAN).
        Deviation: kernels start as He et al. (2015) suggest for ReLU.

    Example:
    >>> encoder = dim_conv()
    >>> encoder.output_shape, encoder.get_layer("conv2").output.shape
    ((None, 64), (None, 8, 8, 128))
    """
    check_image_shape(input_shape)
    if not widths or any(width < 1 for width in (*widths, hidden, code)):
        raise ValueError(
            "`widths`, `hidden` and `code` must be at least 1. "
            f"Received: widths={widths}, hidden={hidden}, code={code}"
        )
    images = keras.Input(input_shape, name="images")
    # float32 in [0, 1] to about [-1, 1]: part of the encoder, so it travels with
    # the weights into every export.
    x = layers.Rescaling(2.0, offset=-1.0)(images)
    for number, width in enumerate(widths, start=1):
        # For even sides, "same" is one pixel on each side, as in the paper.
        x = layers.Conv2D(
            width,
            4,
            2,
            padding="same",
            use_bias=False,
            kernel_initializer="he_normal",
            name=f"conv{number}_kernel",
        )(x)
        x = layers.ReLU(name=f"conv{number}")(batch_norm()(x))
    x = layers.Flatten()(x)
    x = layers.Dense(
        hidden, use_bias=False, kernel_initializer="he_normal", name="fc_kernel"
    )(x)
    x = layers.ReLU(name="fc")(batch_norm()(x))
    # float32 under mixed precision too: losses, probes and clients read this.
    x = layers.Dense(code, dtype="float32", name="code")(x)
    return keras.Model(images, x, name="dim_conv")
