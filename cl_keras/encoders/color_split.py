# SPDX-License-Identifier: Apache-2.0
"""An encoder of two halves: one sees the luminance of an image, one its colours."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import layers, ops

from cl_keras.encoders.resnet import compact_resnet

# Rows: Y, Db, Dr of SECAM, brought from [-4/3, 4/3] to [0, 1].
_OF_RGB = np.array(
    [
        [0.299, 0.587, 0.114],
        [-0.450 * 3 / 8, -0.883 * 3 / 8, 1.333 * 3 / 8],
        [-1.333 * 3 / 8, 1.116 * 3 / 8, 0.217 * 3 / 8],
    ],
    np.float32,
)


@keras.saving.register_keras_serializable(package="cl_keras")
class LuminanceAndColors(layers.Layer):
    """Splits RGB in [0, 1] into Y and (Db, Dr), each in [0, 1].

    Call arguments:
        images: (batch, H, W, 3) tensor.

    Returns:
        (batch, H, W, 1) and (batch, H, W, 2).

    Example:
    >>> grey, colors = LuminanceAndColors()(tf.fill((1, 1, 1, 3), 0.25))
    >>> round(float(grey[0, 0, 0, 0]), 3), [round(float(x), 3) for x in colors[0, 0, 0]]
    (0.25, [0.5, 0.5])
    """

    def call(self, images: keras.KerasTensor) -> tuple[Any, Any]:  # noqa: D102
        values = ops.matmul(images, ops.convert_to_tensor(_OF_RGB.T, images.dtype))
        return values[..., :1], values[..., 1:] + 0.5

    def compute_output_shape(  # noqa: D102
        self, input_shape: tuple[int | None, ...]
    ) -> tuple[tuple[int | None, ...], tuple[int | None, ...]]:
        return (*input_shape[:-1], 1), (*input_shape[:-1], 2)


def color_split(
    input_shape: tuple[int, int, int] = (32, 32, 3),
    *,
    width: int = 32,
    blocks: int = 2,
    stages: int = 3,
) -> keras.Model:
    """Two compact ResNets side by side, one of luminance, one of colours.

    The encoder of `methods.CMC`. The features are those of both, which are also the
    outputs of the layers `luminance` and `colors`.

    Args:
        input_shape: (height, width, 3) of float32 images in [0, 1].
        width: Channels of the first stage of each half.
        blocks: Residual blocks a stage, as in `compact_resnet`.
        stages: Number of stages, as in `compact_resnet`.

    Returns:
        A functional model: (batch, H, W, 3) -> (batch, features) float32.

    Raises:
        ValueError: If images have not three channels, or a number is out of range.

    Reference:
        Tian, Krishnan and Isola (2019), Contrastive Multiview Coding,
        arXiv:1906.05849, section 4.1.

    Example:
    >>> encoder = color_split((32, 32, 3), width=16)
    >>> encoder.output_shape, encoder.get_layer("colors").output.shape
    ((None, 128), (None, 64))
    """
    if len(input_shape) != 3 or input_shape[-1] != 3:
        raise ValueError(
            "`input_shape` must be (height, width, 3): grey images have no colours. "
            f"Received: input_shape={input_shape}"
        )
    images = keras.Input(input_shape, name="images")
    halves = []
    parts = LuminanceAndColors(name="split")(images)
    for name, part in zip(("luminance", "colors"), parts, strict=True):
        half = compact_resnet(part.shape[1:], width=width, blocks=blocks, stages=stages)
        half.name = f"{name}_resnet"
        # A layer of its own: the outputs of a model within are those of its own graph.
        halves.append(layers.Identity(dtype="float32", name=name)(half(part)))
    features = layers.Concatenate(dtype="float32", name="features")(halves)
    return keras.Model(images, features, name="color_split")
