# SPDX-License-Identifier: Apache-2.0
"""Which way up an image is, and how many of its bits count."""

import io
import struct

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageOps

from cl_keras.preprocessing.decoding import decode_rgb, decode_to, shown_size
from cl_keras.preprocessing.image_tags import orientation

PIXELS = np.random.default_rng(0).integers(0, 256, (4, 4, 3), np.uint8)
PHOTO = Image.fromarray(PIXELS).resize((60, 40))


def saved(kind, exif=b"", image=PHOTO, **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, exif=exif, **options)
    return buffer.getvalue()


def tag(value, order=">"):
    exif = Image.Exif()
    exif.endian = order
    exif[0x0112] = value
    return exif.tobytes()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("order", "<>")
def test_all_orientations_as_pillow_turns_them(kind, order):
    for value in range(10):
        content = saved(kind, tag(value, order))
        expected = ImageOps.exif_transpose(Image.open(io.BytesIO(content)))
        found = decode_rgb(tf.constant(content)).numpy().astype(int)
        assert abs(found - np.asarray(expected.convert("RGB"))).mean() < 2
        size = shown_size(tf.constant(content)).numpy().tolist()
        assert size == list(found.shape[:2])


def test_damaged_exif_is_upright():
    good = tag(6)
    cuts = [good[:n] for n in range(6, len(good))]
    far = good[:10] + struct.pack(">I", 2**31 + 5) + good[14:]
    many = good[:14] + b"\xff\xff" + good[16:]
    for exif in [*cuts, far, good[:6] + b"XX" + good[8:]]:
        content = saved("JPEG", exif) if len(exif) > 6 else saved("JPEG")
        assert int(orientation(tf.constant(content))) in (1, 6)
    assert int(orientation(tf.constant(saved("JPEG", far)))) == 1
    assert int(orientation(tf.constant(saved("JPEG", many)))) == 6
    whole = saved("JPEG", good)
    for end in range(0, 60):
        assert int(orientation(tf.constant(whole[:end]))) in (1, 6)


def with_bits(png, bits):
    """A PNG with an sBIT chunk, which no decoder checks the sum of."""
    chunk = struct.pack(">I", 1) + b"sBIT" + bytes([bits])
    import zlib

    chunk += struct.pack(">I", zlib.crc32(chunk[4:]))
    return png[:33] + chunk + png[33:]


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
def test_levels_of_deep_pngs(bits):
    levels = np.linspace(0, 2**bits - 1, 64).astype(np.uint16).reshape(8, 8, 1)
    png = tf.io.encode_png(levels).numpy()
    expected = np.repeat(levels >> (bits - 8), 3, axis=-1)
    np.testing.assert_array_equal(decode_rgb(tf.constant(png)), expected)


def test_a_stated_number_of_bits_holds_for_dark_images():
    levels = np.full((4, 4, 1), 1000, np.uint16)
    png = tf.io.encode_png(levels).numpy()
    assert int(decode_rgb(tf.constant(png))[0, 0, 0]) == 1000 >> 2
    assert int(decode_rgb(tf.constant(with_bits(png, 12)))[0, 0, 0]) == 1000 >> 4
    assert int(decode_rgb(tf.constant(with_bits(png, 16)))[0, 0, 0]) == 1000 >> 8


def test_a_large_jpeg_is_close_to_what_all_of_it_gives():
    large = Image.fromarray(PIXELS).resize((1200, 900), Image.BICUBIC)
    content = saved("JPEG", image=large, quality=95)
    whole = saved("PNG", image=Image.open(io.BytesIO(content)))
    found = decode_to(tf.constant(content), (64, 64)).numpy().astype(int)
    assert abs(found - decode_to(tf.constant(whole), (64, 64)).numpy()).mean() < 1.5


@pytest.mark.parametrize("options", [{}, {"lossless": True}])
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_webp(options, mode):
    content = saved("WEBP", image=PHOTO.convert(mode), **options)
    expected = Image.open(io.BytesIO(content)).convert("RGB")
    np.testing.assert_array_equal(decode_rgb(tf.constant(content)), expected)
    assert shown_size(tf.constant(content)).numpy().tolist() == [40, 60]
    with pytest.raises(tf.errors.InvalidArgumentError, match="2399 pixels"):
        decode_rgb(tf.constant(content), 2399)


def test_an_animated_webp_is_named():
    frames = [PHOTO, ImageOps.invert(PHOTO)]
    content = saved("WEBP", save_all=True, append_images=frames[1:])
    with pytest.raises(tf.errors.InvalidArgumentError, match="animated"):
        decode_rgb(tf.constant(content))


def test_grey_is_luma():
    png = saved("PNG")
    found = decode_to(tf.constant(png), (40, 60), 1)[..., 0].numpy().astype(int)
    assert abs(found - np.asarray(PHOTO.convert("L"))).max() <= 1
