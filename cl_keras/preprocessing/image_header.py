# SPDX-License-Identifier: Apache-2.0
"""What an image file says of itself before it is decoded.

Plain TensorFlow operations: they can be part of a pipeline and of a served graph.
"""

from __future__ import annotations

import tensorflow as tf

#: Kinds of files, in the order of `kind_of`.
KINDS = ("JPEG", "PNG", "GIF", "BMP", "WebP")
_JPEG = b"\xff\xd8\xff"
_PNG = b"\x89PNG\r\n\x1a\n"
_GIF = b"GIF8"
_BMP = b"BM"
_RIFF, _WEBP = b"RIFF", b"WEBP"
_ANIMATED = 2  # The bit of a WebP's flags.


def starts_with(content: tf.Tensor, magic: bytes) -> tf.Tensor:
    """Whether a file begins with some bytes."""
    return tf.equal(tf.strings.substr(content, 0, len(magic)), magic)


def kind_of(content: tf.Tensor) -> tf.Tensor:
    """Tells what a file begins as."""
    kinds = [starts_with(content, m) for m in (_JPEG, _PNG, _GIF, _BMP)]
    kinds = [*kinds, is_webp(content), tf.constant(True)]
    return tf.argmax(tf.cast(tf.stack(kinds), tf.int32), output_type=tf.int32)


def is_jpeg(content: tf.Tensor) -> tf.Tensor:
    """Whether files begin as a JPEG does."""
    return starts_with(content, _JPEG)


def is_png(content: tf.Tensor) -> tf.Tensor:
    """Whether a file begins as a PNG does."""
    return starts_with(content, _PNG)


def is_webp(content: tf.Tensor) -> tf.Tensor:
    """Whether a file begins as a WebP does."""
    # Shorter files have no bytes there to look at.
    head = tf.strings.join([tf.strings.substr(content, 0, 12), bytes(12)])
    name = tf.strings.substr(head, 8, 4)
    return starts_with(content, _RIFF) & tf.equal(name, _WEBP)


def is_deep_png(content: tf.Tensor) -> tf.Tensor:
    """Whether a file is a PNG of 16 bits a channel."""
    return is_png(content) & tf.equal(tf.strings.substr(content, 24, 1), b"\x10")


def stated_size(content: tf.Tensor) -> tf.Tensor:
    """Reads height and width from the header of a JPEG, PNG, GIF, BMP or WebP file.

    Nothing is decoded, so that what would not fit into memory can be refused. Of a
    GIF it is the size of the first frame. The size is that of the stored pixels: Exif
    may say that they lie on their side.
    """
    kind = kind_of(content)
    known = tf.debugging.Assert(
        kind < len(KINDS),
        ["Expected a JPEG, PNG, GIF, BMP or WebP file."],
        summarize=1,
    )
    with tf.control_dependencies([known]):
        kind = tf.identity(kind)
    return tf.switch_case(
        kind,
        [
            lambda: tf.io.extract_jpeg_shape(content, tf.int64)[:2],
            lambda: _numbers(content, 16, tf.int32, little=False)[::-1],
            lambda: _gif_size(content),
            # A negative height stands for rows from the top down.
            lambda: tf.abs(_numbers(content, 18, tf.int32)[::-1]),
            lambda: _webp_size(content),
        ],
    )


def first_frame(content: tf.Tensor) -> tf.Tensor:
    """Cuts a GIF file off after its first frame.

    TensorFlow would unpack all frames, in memory that the file's length does not
    bound, to return the first.
    """
    _, end = _gif_frame(content)
    return tf.strings.join([tf.strings.substr(content, 0, end), b";"])


def _numbers(
    content: tf.Tensor, start: int | tf.Tensor, dtype: tf.DType, little: bool = True
) -> tf.Tensor:
    """Two numbers that follow each other."""
    raw = tf.strings.substr(content, start, 2 * dtype.size)
    numbers = tf.io.decode_raw(raw, dtype, little_endian=little)
    return tf.cast(tf.ensure_shape(numbers, (2,)), tf.int64)


def _gif_size(content: tf.Tensor) -> tf.Tensor:
    start, _ = _gif_frame(content)
    return _numbers(content, start + 5, tf.uint16)[::-1]


def _webp_size(content: tf.Tensor) -> tf.Tensor:
    """Size of a WebP, lossy, lossless or extended by other parts."""

    def extended() -> tf.Tensor:
        head = tf.io.decode_raw(tf.strings.substr(content, 20, 10), tf.uint8)
        head = tf.cast(tf.ensure_shape(head, (10,)), tf.int64)
        # Its frames have no bound in the header.
        still = tf.debugging.Assert(
            tf.equal(head[0] // _ANIMATED % 2, 0),
            ["Expected one image. Received: an animated WebP; save its first frame."],
        )
        with tf.control_dependencies([still]):
            sides = tf.reshape(head[4:], (2, 3))
        return 1 + tf.reduce_sum(sides * [1, 256, 65536], axis=1)[::-1]

    def lossless() -> tf.Tensor:
        bits = _numbers(content, 21, tf.uint16)
        bits = bits[0] + 65536 * bits[1]
        return 1 + tf.stack([bits // 2**14 % 2**14, bits % 2**14])

    kind = tf.strings.substr(content, 12, 4)
    return tf.case(
        [(tf.equal(kind, b"VP8X"), extended), (tf.equal(kind, b"VP8L"), lossless)],
        lambda: _numbers(content, 26, tf.uint16)[::-1] % 2**14,
    )


# A function of its own: step by step, outside of a graph, the loop would take long.
@tf.function(input_signature=[tf.TensorSpec((), tf.string)], autograph=False)
def _gif_frame(content: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Where the first frame begins, and what follows it."""
    length = tf.strings.length(content)
    # Zeros at the end, so that a file cut short is read into them and not beyond.
    data = tf.concat([tf.io.decode_raw(content, tf.uint8), tf.zeros(16, tf.uint8)], 0)

    def at(position: tf.Tensor) -> tf.Tensor:
        return tf.cast(data[position], tf.int32)

    def table(flags: tf.Tensor) -> tf.Tensor:
        """Bytes of the colour table that a byte of flags announces."""
        size = tf.bitwise.left_shift(3, tf.bitwise.bitwise_and(flags, 7) + 1)
        return tf.where(flags >= 128, size, 0)

    def going_on(position: tf.Tensor, start: tf.Tensor, inside: tf.Tensor) -> tf.Tensor:
        return (position < length) & (inside | (start < 0))

    # Blocks follow each other: an extension, or the frame; each is a head and then
    # sub-blocks with their lengths before them, the last of length 0.
    def step(
        position: tf.Tensor, start: tf.Tensor, inside: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        byte = at(position)
        extends, frame = tf.equal(byte, 0x21), tf.equal(byte, 0x2C)
        local = table(at(tf.minimum(position + 9, length)))
        head = tf.where(extends, 2, tf.where(frame, 11 + local, length))
        return (
            position + tf.where(inside, 1 + byte, head),
            tf.where(~inside & frame, position, start),
            tf.where(inside, byte > 0, extends | frame),
        )

    first = 13 + table(at(tf.minimum(10, length)))
    state = (first, tf.constant(-1), tf.constant(False))
    # Sub-blocks have up to 255 bytes, and in files that mean well nearly all do.
    most = 4096 + length // 32
    end, start, inside = tf.while_loop(going_on, step, state, maximum_iterations=most)
    found = tf.debugging.Assert(
        (start >= 0) & (~inside | (end >= length)),
        ["Expected a frame in the GIF, in blocks of usual size."],
    )
    with tf.control_dependencies([found]):
        return tf.identity(start), tf.minimum(end, length)
