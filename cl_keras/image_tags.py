# SPDX-License-Identifier: Apache-2.0
"""What an image file says beside its pixels: which way up, and how many bits count.

Plain TensorFlow operations: they can be part of a pipeline and of a served graph.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import tensorflow as tf

from cl_keras import image_header

_HEAD = 14  # Bytes that tell what a part of a file is.
# Parts looked at: files that mean well have a few, a PNG one for each 8 kB.
_MOST_PARTS = 4096
_EXIF = b"Exif\0\0"
_LARGEST = 2**17  # Bytes of Exif; a JPEG holds at most 2**16.
_MOST_ENTRIES = 512
_ORIENTATION, _SHORT = 0x0112, 3
_DEPTHS = (8, 10, 12, 14, 16)  # Bits of scanners, cameras and sensors.

# Of where a part begins and its first bytes: start and size of what is looked for (or
# -1), and where the next part begins (or 0 to end).
Step: TypeAlias = Callable[
    [tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor, tf.Tensor]
]


def orientation(content: tf.Tensor) -> tf.Tensor:
    """Reads the Exif orientation of a JPEG, PNG or WebP file.

    Args:
        content: Scalar string, the file's bytes.

    Returns:
        Scalar int32, 1 to 8: 1, upright, also where there is none, where it is
        damaged, and for all other bytes.

    Example:
    >>> int(orientation(tf.io.encode_png(tf.zeros((2, 4, 1), tf.uint8))))
    1
    """
    return _orientation(content)


def turned(image: tf.Tensor, orientation: tf.Tensor) -> tf.Tensor:
    """Turns an image upright, as Pillow's `ImageOps.exif_transpose` does.

    Args:
        image: `(height, width, channels)`.
        orientation: Scalar int32, 1 to 8.

    Returns:
        The image, with height and width exchanged from 5 on.

    Example:
    >>> turned(tf.zeros((2, 4, 3)), tf.constant(6)).shape
    TensorShape([4, 2, 3])
    """

    def turn() -> tf.Tensor:
        there = tf.cond(
            orientation >= 5, lambda: tf.transpose(image, (1, 0, 2)), lambda: image
        )
        # What is left: nothing, mirrored, half a turn, upside down.
        left = (orientation - 1) % 4
        there = tf.cond(
            (left == 1) | (left == 2), lambda: tf.reverse(there, [1]), lambda: there
        )
        return tf.cond(left >= 2, lambda: tf.reverse(there, [0]), lambda: there)

    return tf.cond(orientation > 1, turn, lambda: image)


def used_bits(content: tf.Tensor, largest: tf.Tensor) -> tf.Tensor:
    """Tells how many bits of a PNG of 16 bits a channel hold its levels.

    By the PNG standard all do. Cameras and scanners of 10 to 14 bits are often
    stored as they are, though: then the largest value of the file fits into fewer. It
    decides between 8, 10, 12, 14 and 16 bits, unless the file has an sBIT chunk:
    between the number there and 16.

    Args:
        content: Scalar string, the file's bytes.
        largest: Scalar int32, its largest value.

    Returns:
        Scalar int32, 8 to 16.

    Example:
    >>> png = tf.io.encode_png(tf.fill((2, 2, 1), tf.constant(4095, tf.uint16)))
    >>> int(used_bits(png, tf.constant(4095)))
    12
    """
    return _used_bits(content, largest)


# Functions of their own: step by step, outside of a graph, loops would take long.
@tf.function(input_signature=[tf.TensorSpec((), tf.string)], autograph=False)
def _orientation(content: tf.Tensor) -> tf.Tensor:
    start, size = tf.case(
        [
            (image_header.is_jpeg(content), lambda: _find(content, 2, _jpeg_step)),
            (
                image_header.is_png(content),
                lambda: _find(content, 8, _png_step(b"eXIf")),
            ),
            (image_header.is_webp(content), lambda: _find(content, 12, _webp_step)),
        ],
        lambda: (tf.constant(-1, tf.int64), tf.constant(0, tf.int64)),
    )
    return tf.cond(
        start >= 0,
        lambda: _tag(_part(content, start, size)),
        lambda: tf.constant(1),
    )


@tf.function(
    input_signature=[tf.TensorSpec((), tf.string), tf.TensorSpec((), tf.int32)],
    autograph=False,
)
def _used_bits(content: tf.Tensor, largest: tf.Tensor) -> tf.Tensor:
    start, size = _find(content, 8, _png_step(b"sBIT"))
    stated = tf.reduce_max(
        tf.concat([[0], _part(content, start, tf.minimum(size, 3))], axis=0)
    )
    fits = 2 ** tf.constant(_DEPTHS) > largest
    measured = tf.reduce_min(tf.where(fits, tf.constant(_DEPTHS), 16))
    known = (stated >= 8) & (stated <= 16)
    bits = tf.where(known, stated, measured)
    return tf.where(largest < tf.bitwise.left_shift(1, bits), bits, 16)


def _part(content: tf.Tensor, start: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
    """Bytes as int32, as many as there are; none before the file's start."""
    length = tf.cast(tf.strings.length(content), tf.int64)
    size = tf.where(start < 0, tf.zeros_like(size), size)
    here = tf.clip_by_value(start, 0, length)
    part = tf.strings.substr(content, here, tf.clip_by_value(size, 0, _LARGEST))
    return tf.cast(tf.io.decode_raw(part, tf.uint8), tf.int32)


def _find(content: tf.Tensor, start: int, step: Step) -> tuple[tf.Tensor, tf.Tensor]:
    """Goes from part to part of a file: start and size of one, or -1 and 0."""
    length = tf.cast(tf.strings.length(content), tf.int64)

    def body(
        position: tf.Tensor, found: tf.Tensor, size: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        del found, size
        text = tf.strings.join(
            [tf.strings.substr(content, position, _HEAD), bytes(_HEAD)]
        )
        head = tf.io.decode_raw(tf.strings.substr(text, 0, _HEAD), tf.uint8)
        head = tf.ensure_shape(tf.cast(head, tf.int64), (_HEAD,))
        here, long, onward = step(position, head)
        return onward, here, long

    none = tf.constant(-1, tf.int64)
    _, found, size = tf.while_loop(
        lambda position, found, size: (
            (found < 0) & (position > 0) & (position < length)
        ),
        body,
        (tf.constant(start, tf.int64), none, tf.constant(0, tf.int64)),
        maximum_iterations=_MOST_PARTS,
    )
    return found, size


def _number(head: tf.Tensor, little: bool = False) -> tf.Tensor:
    """The number that bytes are."""
    powers = [256**place for place in range(head.shape[0])]
    return tf.reduce_sum(head * (powers if little else powers[::-1]))


def _is(head: tf.Tensor, text: bytes) -> tf.Tensor:
    return tf.reduce_all(tf.equal(head[: len(text)], list(text)))


def _jpeg_step(
    position: tf.Tensor, head: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    # Application data and comments come first; whatever follows is the image.
    marker, size = head[1], _number(head[2:4])
    beside = (
        tf.equal(head[0], 0xFF)
        & (tf.equal(marker // 16, 0xE) | tf.equal(marker, 0xFE))
        & (size >= 2)
    )
    exif = beside & tf.equal(marker, 0xE1) & _is(head[4:], _EXIF) & (size > 8)
    return (
        tf.where(exif, position + 10, -1),
        tf.where(exif, size - 8, 0),
        tf.where(beside, position + 2 + size, 0),
    )


def _png_step(name: bytes) -> Step:
    def step(
        position: tf.Tensor, head: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        size, found = _number(head[:4]), _is(head[4:], name)
        return (
            tf.where(found, position + 8, -1),
            tf.where(found, size, 0),
            tf.where(_is(head[4:], b"IEND"), tf.zeros_like(size), position + 12 + size),
        )

    return step


def _webp_step(
    position: tf.Tensor, head: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    size, found = _number(head[4:8], little=True), _is(head, b"EXIF")
    return (
        tf.where(found, position + 8, -1),
        tf.where(found, size, 0),
        position + 8 + size + size % 2,
    )


def _tag(data: tf.Tensor) -> tf.Tensor:
    """The orientation in Exif data, which is a TIFF file of its own."""
    # Some PNG and WebP files have what stands before it in a JPEG.
    prefixed = _is(tf.pad(data, [[0, 8]]), _EXIF)
    data = tf.cond(prefixed, lambda: data[len(_EXIF) :], lambda: data)
    size = tf.size(data)
    # Zeros at the end, so that what is cut short is read into them and not beyond.
    padded = tf.pad(data, [[0, 16]])
    little = _is(padded, b"II*\0")

    def numbers(raw: tf.Tensor) -> tf.Tensor:
        """The numbers that rows of two or four bytes are."""
        powers = tf.constant([256**place for place in range(raw.shape[-1])])
        raw = tf.where(little, raw, raw[..., ::-1])
        return tf.reduce_sum(raw * powers, axis=-1)

    # Of a place beyond 2**31 this is negative.
    place = numbers(tf.ensure_shape(padded[4:8], (4,)))
    known = (little | _is(padded, b"MM\0*")) & (place >= 8) & (place < size)
    place = tf.where(known, place, size)
    count = numbers(tf.ensure_shape(padded[place : place + 2], (2,)))
    there = tf.maximum((size - place - 2) // 12, 0)
    count = tf.minimum(tf.minimum(count, there), _MOST_ENTRIES)
    table = tf.reshape(padded[place + 2 : place + 2 + 12 * count], (-1, 12))
    fits = tf.equal(numbers(table[:, :2]), _ORIENTATION) & tf.equal(
        numbers(table[:, 2:4]), _SHORT
    )
    values = tf.where(fits, numbers(table[:, 8:10]), 0)
    value = tf.reduce_max(tf.concat([[0], values], axis=0))
    return tf.where((value >= 1) & (value <= 8), value, 1)
