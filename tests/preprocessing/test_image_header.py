# SPDX-License-Identifier: Apache-2.0
"""What files say of their size, before anything is decoded."""

import io
import struct
import zlib

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageSequence

from cl_keras.preprocessing.decoding import decode_rgb
from cl_keras.preprocessing.image_header import first_frame, stated_size

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (11, 23, 3), np.uint8)


def saved(kind, *pixels, **options):
    first, *others = [Image.fromarray(p) for p in pixels]
    buffer = io.BytesIO()
    if others:
        options |= {"save_all": True, "append_images": others}
    first.save(buffer, kind, **options)
    return buffer.getvalue()


def png_of(height, width):
    """A PNG whose header says this, and of which nothing else is true."""
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = b"IHDR" + head
    chunk = struct.pack(">I", len(head)) + body + struct.pack(">I", zlib.crc32(body))
    return b"\x89PNG\r\n\x1a\n" + chunk


def jpeg_of(height, width):
    content = saved("JPEG", PIXELS)
    place = content.index(b"\xff\xc0") + 5
    return content[:place] + struct.pack(">HH", height, width) + content[place + 4 :]


def gif_of(height, width):
    """The frame is large, the screen that the head tells is not."""
    content = saved("GIF", PIXELS)
    start = content.index(b"\x2c\x00\x00\x00\x00") + 5
    return content[:start] + struct.pack("<HH", width, height) + content[start + 4 :]


def bmp_of(height, width):
    content = saved("BMP", PIXELS)
    return content[:18] + struct.pack("<ii", width, height) + content[26:]


BOMBS = {"png": png_of, "jpeg": jpeg_of, "gif": gif_of, "bmp": bmp_of}


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "BMP"])
def test_size_as_pillow_tells_it(kind):
    content = saved(kind, PIXELS)
    assert stated_size(tf.constant(content)).numpy().tolist() == [11, 23]
    assert decode_rgb(tf.constant(content), 11 * 23).shape == (11, 23, 3)
    with pytest.raises(tf.errors.InvalidArgumentError):
        decode_rgb(tf.constant(content), 11 * 23 - 1)


def test_progressive_jpeg_and_one_with_much_before_its_size():
    content = saved("JPEG", PIXELS, progressive=True, exif=b"Exif\0\0" + bytes(60_000))
    assert stated_size(tf.constant(content)).numpy().tolist() == [11, 23]


def test_rows_from_the_top_down():
    content = bmp_of(-11, 23)
    assert stated_size(tf.constant(content)).numpy().tolist() == [11, 23]


@pytest.mark.parametrize("kind", BOMBS)
@pytest.mark.parametrize("size", [(50_000, 50_000), (60_000, 1_000)])
def test_a_bomb_is_refused_for_what_its_header_says(kind, size):
    content = BOMBS[kind](*size)
    assert stated_size(tf.constant(content)).numpy().tolist() == list(size)
    with pytest.raises(tf.errors.InvalidArgumentError, match="pixels"):
        decode_rgb(tf.constant(content), 2**25)


def test_sides_whose_product_is_beyond_64_bits():
    content = png_of(2**31 - 1, 2**31 - 1)
    with pytest.raises(tf.errors.InvalidArgumentError, match="pixels"):
        decode_rgb(tf.constant(content), 2**25)
    # Signed, as TensorFlow reads them: these are negative.
    with pytest.raises(tf.errors.InvalidArgumentError):
        decode_rgb(tf.constant(png_of(2**32 - 1, 2**32 - 1)), 2**25)


@pytest.mark.parametrize(
    "content",
    [b"", b"BM", b"GIF89a", b"\xff\xd8\xff", b"RIFF\x00\x00\x00\x00WEBPVP8 "]
    + [make(5, 7)[:20] for make in BOMBS.values()],
)
def test_what_ends_in_its_header_is_an_error(content):
    with pytest.raises(tf.errors.InvalidArgumentError):
        stated_size(tf.constant(content))


FRAMES = RNG.integers(0, 256, (4, 40, 50, 3), np.uint8)


@pytest.mark.parametrize(
    "options",
    [{}, {"comment": b"x" * 700}, {"loop": 0, "duration": 20}, {"interlace": 1}],
)
def test_first_frame_of_an_animation(options):
    whole = saved("GIF", *FRAMES, **options)
    cut = first_frame(tf.constant(whole)).numpy()
    assert len(cut) < len(whole) / 3
    frames = list(ImageSequence.Iterator(Image.open(io.BytesIO(cut))))
    assert len(frames) == 1
    expected = np.asarray(Image.open(io.BytesIO(whole)).convert("RGB"))
    np.testing.assert_array_equal(frames[0].convert("RGB"), expected)
    np.testing.assert_array_equal(decode_rgb(tf.constant(whole)), expected)
    assert first_frame(tf.constant(cut)).numpy() == cut


def test_later_frames_are_not_looked_at():
    """They may be larger, or broken: the first is the image."""
    first = saved("GIF", *FRAMES[:2])
    expected = decode_rgb(tf.constant(first))
    head = first_frame(tf.constant(first)).numpy()[:-1]
    larger = saved("GIF", RNG.integers(0, 256, (90, 80, 3), np.uint8))
    larger = larger[larger.index(b"\x2c\x00\x00\x00\x00") :]
    claim = b"\x2c" + struct.pack("<HHHHB", 0, 0, 65_535, 65_535, 0) + b"\x08\x01"
    for later in (larger, claim):
        content = tf.constant(head + later)
        assert stated_size(content).numpy().tolist() == [40, 50]
        np.testing.assert_array_equal(decode_rgb(content, 2000), expected)


def test_a_gif_that_is_nothing_but_small_blocks_is_refused():
    head = saved("GIF", PIXELS)[:13]
    head = head[:10] + b"\x00" + head[11:]
    content = head + b"\x21\xfe" + b"\x01x" * 500_000
    with pytest.raises(tf.errors.InvalidArgumentError, match="blocks of usual size"):
        stated_size(tf.constant(content))


def test_a_gif_without_a_frame():
    with pytest.raises(tf.errors.InvalidArgumentError, match="frame"):
        stated_size(tf.constant(saved("GIF", PIXELS)[:13] + bytes(800) + b";"))
