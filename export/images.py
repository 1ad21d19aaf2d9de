# SPDX-License-Identifier: Apache-2.0
"""From encoded image bytes to an encoder's input, inside the served graph."""

from __future__ import annotations

import tensorflow as tf

from cl_keras.preprocessing.decoding import MAX_PIXELS as MAX_PIXELS
from cl_keras.preprocessing.decoding import decode_to

#: What `decode_images` does, for manifests and cards.
PREPROCESSING = (
    "decode (JPEG, PNG, BMP, WebP, first frame of a GIF); turn as Exif says; resize, "
    "bilinear with "
    "antialiasing, until the image just covers the input size; central crop; "
    "scale to [0, 1]"
)


def decode_image(
    content: tf.Tensor,
    height: int,
    width: int,
    channels: int,
    max_pixels: int | None = MAX_PIXELS,
) -> tf.Tensor:
    """Decodes an encoded image the way evaluation prepares images.

    It is decoded at `height` x `width` by `preprocessing.decoding.decode_to`, as
    `cl_keras.data` does; its 256 levels are divided by 255. An image that has the
    right size already is only scaled.
    """
    image = decode_to(content, (height, width), channels, max_pixels)
    return tf.cast(image, tf.float32) / 255.0
