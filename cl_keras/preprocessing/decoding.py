# SPDX-License-Identifier: Apache-2.0
"""The one rule for decoding image files, in training and in serving."""

from __future__ import annotations

import functools
from collections.abc import Callable

import tensorflow as tf

from cl_keras.operation_error import brief
from cl_keras.preprocessing import image_header, image_tags, photos
from cl_keras.preprocessing.photos import MAX_PIXELS as MAX_PIXELS
from cl_keras.preprocessing.resizing import resize_and_crop

# A JPEG's own fractions, and from how much on each is used.
_FRACTIONS = (1, 2, 4, 8)
# How much larger than what is wanted of it an image is left by them, so that resizing
# with its kernel decides the pixels.
_LEFT = 2.0


def decode_rgb(
    content: tf.Tensor,
    max_pixels: int | None = MAX_PIXELS,
    *,
    spare: tf.Tensor | float = 1.0,
) -> tf.Tensor:
    """Decodes a JPEG, PNG, GIF (first frame), BMP or WebP file to RGB.

    The image is turned as Exif says. Grey images repeat their channel, palettes are
    looked up and transparency is dropped. Of 16 bits a channel the upper 8 of those
    that are used are kept: `image_tags.used_bits` tells which. Plain TensorFlow
    operations: it can be part of a pipeline and of a served graph.
    """
    if max_pixels is not None:
        content = _within(content, image_header.stated_size(content), max_pixels)
    return _decode(content, image_tags.orientation(content), spare)


def decode_to(
    content: tf.Tensor,
    size: tuple[int, int],
    channels: int = 3,
    max_pixels: int | None = MAX_PIXELS,
) -> tf.Tensor:
    """Decodes an image file at a size, as all that reads whole images does.

    It is decoded as by `decode_rgb`, a JPEG at the smallest of its own fractions that
    leaves twice the size or more, resized until it just covers `size` and cut to the
    centre (`resizing.resize_and_crop`).
    """
    if channels not in (1, 3):
        raise ValueError(f"Expected 1 or 3 channels. Received: channels={channels}")
    return _decoder((size[0], size[1]), channels, max_pixels)(content)


# Traced once: each pipeline would take a second for it.
@functools.lru_cache(maxsize=64)
def _decoder(
    size: tuple[int, int], channels: int, max_pixels: int | None
) -> Callable[[tf.Tensor], tf.Tensor]:
    def decode(content: tf.Tensor) -> tf.Tensor:
        stated = image_header.stated_size(content)
        if max_pixels is not None:
            content = _within(content, stated, max_pixels)
        orientation = image_tags.orientation(content)
        upright = tf.where(orientation >= 5, stated[::-1], stated)
        spare = tf.reduce_min(tf.cast(upright, tf.float32) / size)
        image = _decode(content, orientation, spare / _LEFT)
        image = tf.cond(
            tf.reduce_all(tf.shape(image)[:2] == size),
            lambda: image,
            lambda: resize_and_crop(image, size),
        )
        if channels == 1:
            # After resizing, like `ImageData.in_channels`: the same pixels.
            image = tf.image.rgb_to_grayscale(image)
        return tf.ensure_shape(image, (*size, channels))

    spec = [tf.TensorSpec((), tf.string)]
    decoder: Callable[[tf.Tensor], tf.Tensor] = tf.function(
        decode, input_signature=spec, autograph=False
    )
    return decoder


def served(content: tf.Tensor) -> tf.Tensor:
    """Makes, in a pipeline, a BMP or PNG of a TIFF, HEIC or AVIF file.

    Pillow does: so no served graph can, nor a pipeline on other machines. Other files
    stay as they are.
    """

    def by_pillow() -> tf.Tensor:
        made = tf.numpy_function(
            lambda given: photos.served(given, compress=False), [content], tf.string
        )
        return tf.ensure_shape(made, ())

    known = image_header.kind_of(content) < len(image_header.KINDS)
    return tf.cond(known, lambda: content, by_pillow)


def shown_size(content: tf.Tensor) -> tf.Tensor:
    """Reads height and width of an image file as it is decoded, turned upright."""
    return _shown_size(content)


def defect(content: bytes) -> str:
    """Says in one line why an image cannot be decoded."""
    if not content:
        return "an empty file"
    try:
        content = photos.served(content, compress=False)
        height, width = image_header.stated_size(tf.constant(content)).numpy().tolist()
        if height * width > MAX_PIXELS:
            return f"{height} x {width} pixels are too many"
        decode_rgb(tf.constant(content))
    except UnicodeDecodeError:  # TensorFlow's message holds bytes of the file.
        return "cannot be decoded: its header is cut off"
    except (ValueError, ImportError, tf.errors.OpError) as error:
        return brief(error)
    return ""


@tf.function(input_signature=[tf.TensorSpec((), tf.string)], autograph=False)
def _shown_size(content: tf.Tensor) -> tf.Tensor:
    stated = image_header.stated_size(content)
    return tf.where(image_tags.orientation(content) >= 5, stated[::-1], stated)


def _within(content: tf.Tensor, size: tf.Tensor, max_pixels: int) -> tf.Tensor:
    """The content, once its size is known to be within the limit."""
    most = tf.where(image_header.is_deep_png(content), max_pixels // 2, max_pixels)
    fits = tf.debugging.Assert(
        # Divided, not multiplied: a product may be beyond int64.
        size[0] <= tf.cast(most, tf.int64) // tf.maximum(size[1], 1),
        [f"Expected at most {max_pixels} pixels. Received height, width:", size],
    )
    with tf.control_dependencies([fits]):
        return tf.identity(content)


def _decode(
    content: tf.Tensor, orientation: tf.Tensor, spare: tf.Tensor | float
) -> tf.Tensor:
    branches = (
        lambda: _decode_jpeg(content, spare),
        lambda: _decode_png(content),
        lambda: _decode_other(image_header.first_frame(content)),
        lambda: _decode_bmp(content),
        # Asked for channels, TensorFlow refuses a WebP that has not as many.
        lambda: _decode_other(content, channels=0)[..., :3],
        lambda: _decode_other(content),
    )
    image = tf.switch_case(image_header.kind_of(content), branches)
    image = image_tags.turned(tf.ensure_shape(image, (None, None, 3)), orientation)
    return tf.ensure_shape(image, (None, None, 3))


def _decode_other(content: tf.Tensor, channels: int = 3) -> tf.Tensor:
    return tf.io.decode_image(content, channels=channels, expand_animations=False)


def _decode_jpeg(content: tf.Tensor, spare: tf.Tensor | float) -> tf.Tensor:
    if isinstance(spare, float) and spare < 2:
        return tf.io.decode_jpeg(content, channels=3)
    return tf.switch_case(
        tf.searchsorted([2.0, 4.0, 8.0], [spare], side="right")[0],
        [
            lambda ratio=ratio: tf.io.decode_jpeg(content, channels=3, ratio=ratio)
            for ratio in _FRACTIONS
        ],
    )


def _decode_png(content: tf.Tensor) -> tf.Tensor:
    def deep() -> tf.Tensor:
        image = tf.io.decode_png(content, channels=3, dtype=tf.uint16)
        bits = image_tags.used_bits(content, tf.cast(tf.reduce_max(image), tf.int32))
        shift = tf.cast(bits - 8, tf.uint16)
        return tf.cast(tf.bitwise.right_shift(image, shift), tf.uint8)

    return tf.cond(
        image_header.is_deep_png(content),
        deep,
        lambda: tf.io.decode_png(content, channels=3),
    )


def _decode_bmp(content: tf.Tensor) -> tf.Tensor:
    # Asked for three channels, TensorFlow refuses a BMP that has one or four.
    image = tf.io.decode_bmp(content)
    return tf.cond(
        tf.equal(tf.shape(image)[-1], 1),
        lambda: _look_up(image[..., 0], content),
        lambda: image[..., :3],
    )


def _look_up(indices: tf.Tensor, content: tf.Tensor) -> tf.Tensor:
    """Colours of a BMP of 8 bits: TensorFlow leaves it at numbers in its palette."""
    # Where the pixels begin, and how long the second header is, from bytes 10 and 14.
    pixels, header = tf.unstack(
        tf.io.decode_raw(tf.strings.substr(content, 10, 8), tf.int32), num=2
    )
    # The palette fills the space between: blue, green, red and an unused byte each.
    start = 14 + header
    entries = tf.strings.substr(content, start, pixels - start)
    palette = tf.reshape(tf.io.decode_raw(entries, tf.uint8), (-1, 4))
    return tf.gather(palette[:, 2::-1], tf.cast(indices, tf.int32))
