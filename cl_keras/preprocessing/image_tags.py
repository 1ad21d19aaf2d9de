# SPDX-License-Identifier: Apache-2.0
"""What an image file says beside its pixels: which way up, and how many bits count.

Plain TensorFlow operations: they can be part of a pipeline and of a served graph.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from cl_keras.preprocessing import image_header

_HEAD = 14  # Bytes that tell what a part of a file is.
# Parts looked at: files that mean well have a few, a PNG one for each 8 kB.
_MOST_PARTS = 4096
_EXIF = b"Exif\0\0"
_LARGEST = 2**17  # Bytes of Exif; a JPEG holds at most 2**16.
_MOST_ENTRIES = 512
_ORIENTATION, _SHORT = 0x0112, 3
_DEPTHS = (8, 10, 12, 14, 16)  # Bits of scanners, cameras and sensors.

# What is looked for: Exif in a JPEG, a PNG and a WebP, and a PNG's sBIT.
_IN_JPEG, _IN_PNG, _IN_WEBP, _BITS = range(4)


def _row(values: dict[int, int], other: int) -> list[int]:
    return [values.get(place, other) for place in range(_HEAD)]


def _text(start: int, text: bytes) -> list[int]:
    """Bytes that a head must have; -1 for any."""
    return _row({start + place: byte for place, byte in enumerate(text)}, -1)


# Of each: where the first part begins; by which bytes of its head a part's size is
# told; its head if it is the one; where in it the data begin; and what a part has
# beside its size. A JPEG's size counts its own two bytes.
_FIRST = np.array([2, 8, 12, 8])
_SIZE = np.array(
    [
        _row({2: 256, 3: 1}, 0),
        _row({0: 2**24, 1: 2**16, 2: 256, 3: 1}, 0),
        _row({4: 1, 5: 256, 6: 2**16, 7: 2**24}, 0),
        _row({0: 2**24, 1: 2**16, 2: 256, 3: 1}, 0),
    ]
)
_NAME = np.array(
    [
        [*_text(0, b"\xff\xe1")[:4], *_text(4, _EXIF)[4:]],
        _text(4, b"eXIf"),
        _text(0, b"EXIF"),
        _text(4, b"sBIT"),
    ]
)
_DATA = np.array([10, 8, 8, 8])
_BESIDE = np.array([2, 12, 8, 12])


def orientation(content: tf.Tensor) -> tf.Tensor:
    """Reads the Exif orientation of a JPEG, PNG or WebP file."""
    return _orientation(content)


def turned(image: tf.Tensor, orientation: tf.Tensor) -> tf.Tensor:
    """Turns an image upright, as Pillow's `ImageOps.exif_transpose` does."""

    def turn() -> tf.Tensor:
        upright = tf.cond(orientation >= 5, lambda: _transposed(image), lambda: image)
        # What is left: nothing, mirrored, half a turn, upside down.
        left = (orientation - 1) % 4
        axes = tf.boolean_mask([0, 1], tf.stack([left >= 2, (left == 1) | (left == 2)]))
        return tf.reverse(upright, axes)

    return tf.cond(orientation > 1, turn, lambda: image)


def _transposed(image: tf.Tensor) -> tf.Tensor:
    """Exchanges height and width.

    Every so many pixels, as an image is wide, are a column of it. `tf.transpose` of
    bytes has oneDNN log an error on CPUs without AVX-512.
    """
    height, width, channels = tf.unstack(tf.shape(image, tf.int64))
    pixels = tf.reshape(image, (1, height * width, channels))
    columns = tf.space_to_batch(pixels, [width], [[0, 0]])
    return tf.ensure_shape(columns, (None, None, image.shape[-1]))


def used_bits(content: tf.Tensor, largest: tf.Tensor) -> tf.Tensor:
    """Tells how many bits of a PNG of 16 bits a channel hold its levels.

    By the PNG standard all do. Cameras and scanners of 10 to 14 bits are often
    stored as they are, though: then the largest value of the file fits into fewer. It
    decides between 8, 10, 12, 14 and 16 bits, unless the file has an sBIT chunk:
    between the number there and 16.
    """
    return _used_bits(content, largest)


# Functions of their own: step by step, outside of a graph, loops would take long.
@tf.function(input_signature=[tf.TensorSpec((), tf.string)], autograph=False)
def _orientation(content: tf.Tensor) -> tf.Tensor:
    is_jpeg, is_png = image_header.is_jpeg(content), image_header.is_png(content)
    known = is_jpeg | is_png | image_header.is_webp(content)
    kind = tf.where(is_jpeg, _IN_JPEG, tf.where(is_png, _IN_PNG, _IN_WEBP))
    start, size = _find(content, tf.where(known, kind, -1))
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
    start, size = _find(content, tf.constant(_BITS))
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
    size = tf.where(start < 0, tf.zeros_like(size), tf.maximum(size, 0))
    here = tf.clip_by_value(start, 0, length)
    part = tf.strings.substr(content, here, tf.clip_by_value(size, 0, _LARGEST))
    return tf.cast(tf.io.decode_raw(part, tf.uint8), tf.int32)


def _find(content: tf.Tensor, kind: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Goes from part to part of a file: start and size of one, or -1 and 0.

    `kind` is what is looked for; below 0, nothing is.
    """
    length = tf.cast(tf.strings.length(content), tf.int64)
    row = tf.maximum(kind, 0)
    weights, name = tf.gather(_SIZE, row), tf.gather(_NAME, row)
    data, beside = tf.gather(_DATA, row), tf.gather(_BESIDE, row)
    is_jpeg = tf.equal(kind, _IN_JPEG)

    def body(
        position: tf.Tensor, found: tf.Tensor, size: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        del found, size
        text = tf.strings.join(
            [tf.strings.substr(content, position, _HEAD), bytes(_HEAD)]
        )
        head = tf.io.decode_raw(tf.strings.substr(text, 0, _HEAD), tf.uint8)
        head = tf.ensure_shape(tf.cast(head, tf.int64), (_HEAD,))
        long = tf.reduce_sum(head * weights)
        here = tf.reduce_all(tf.equal(head, name) | (name < 0))
        # In a JPEG application data and comments come first; then comes the image.
        mark = head[1]
        before = tf.equal(head[0], 0xFF) & (tf.equal(mark // 16, 0xE) | (mark == 0xFE))
        goes_on = ~is_jpeg | (before & (long >= 2))
        onward = position + beside + long
        # Parts of a WebP are filled up to even lengths.
        onward += tf.where(tf.equal(kind, _IN_WEBP), long % 2, 0)
        return (
            tf.where(goes_on, onward, 0),
            tf.where(here, position + data, -1),
            tf.where(is_jpeg, long - 8, long),
        )

    none = tf.constant(-1, tf.int64)
    first = tf.where(kind < 0, tf.zeros_like(none), tf.gather(_FIRST, row))
    _, found, size = tf.while_loop(
        lambda position, found, size: (
            (found < 0) & (position > 0) & (position < length)
        ),
        body,
        (first, none, tf.zeros_like(none)),
        maximum_iterations=_MOST_PARTS,
    )
    return found, size


def _is(head: tf.Tensor, text: bytes) -> tf.Tensor:
    return tf.reduce_all(tf.equal(head[: len(text)], list(text)))


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
