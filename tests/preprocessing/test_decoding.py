# SPDX-License-Identifier: Apache-2.0
"""Every kind of file is the same image in training, in serving and to Pillow."""

import io

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from cl_keras import data, export
from cl_keras.export import images
from cl_keras.preprocessing.decoding import decode_rgb

COLOURS = np.random.default_rng(0).integers(0, 256, (9, 7, 3), np.uint8)
GREY = COLOURS[..., 0]
ALPHA = COLOURS[..., :1]
DEEP = np.random.default_rng(1).integers(0, 65536, (9, 7, 3)).astype(np.uint16)


def saved(image, kind, **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def of(pixels):
    return Image.fromarray(pixels)


def palette():
    """Indices whose colours are not their numbers."""
    image = Image.fromarray(np.arange(63, dtype=np.uint8).reshape(9, 7), "P")
    image.putpalette(np.random.default_rng(2).integers(0, 256, 768).tolist())
    return image


REPEATED = np.repeat(GREY[..., None], 3, axis=-1)
RGBA = of(np.concatenate([COLOURS, ALPHA], axis=-1))
FILES = {
    "bmp_grey": (saved(of(GREY), "BMP"), REPEATED),
    "bmp_palette": (saved(palette(), "BMP"), palette().convert("RGB")),
    "bmp_24": (saved(of(COLOURS), "BMP"), COLOURS),
    "bmp_32": (saved(RGBA, "BMP"), COLOURS),
    "png": (saved(of(COLOURS), "PNG"), COLOURS),
    "png_grey": (saved(of(GREY), "PNG"), REPEATED),
    "png_alpha": (saved(RGBA, "PNG"), COLOURS),
    "png_grey_alpha": (
        saved(of(np.concatenate([GREY[..., None], ALPHA], -1)), "PNG"),
        REPEATED,
    ),
    "png_palette": (saved(palette(), "PNG"), palette().convert("RGB")),
    "png_16_bits": (tf.io.encode_png(DEEP).numpy(), (DEEP >> 8).astype(np.uint8)),
    "png_grey_16_bits": (
        tf.io.encode_png(DEEP[..., :1]).numpy(),
        np.repeat(DEEP[..., :1] >> 8, 3, axis=-1).astype(np.uint8),
    ),
    "gif": (
        saved(palette(), "GIF", save_all=True, append_images=[of(GREY)]),
        palette().convert("RGB"),
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_training_serving_and_pillow_agree(name, tmp_path):
    content, expected = FILES[name]
    np.testing.assert_array_equal(decode_rgb(tf.constant(content)), expected)
    (tmp_path / f"image.{name[:3]}").write_bytes(content)
    read = data.load(f"folder:{tmp_path}").images[0]
    np.testing.assert_array_equal(read, expected)
    served = tf.function(images.decode_image)(tf.constant(content), 9, 7, 3)
    np.testing.assert_allclose(served, read / 255, atol=1e-6)


@pytest.mark.slow
def test_a_saved_model_takes_them_all_in_one_batch(tmp_path):
    encoder = keras.Sequential([keras.Input((9, 7, 3)), keras.layers.Flatten()])
    folder = export.saved_model(encoder, tmp_path)
    loaded = tf.saved_model.load(str(folder))
    contents = tf.constant([content for content, _ in FILES.values()])
    got = loaded.signatures["image_bytes"](image_bytes=contents)["embedding"]
    expected = np.stack([np.asarray(image) for _, image in FILES.values()])
    np.testing.assert_allclose(got, expected.reshape(len(FILES), -1) / 255, atol=1e-6)


@pytest.mark.parametrize(
    "content",
    [b"", b"B", b"BM", b"not an image", FILES["bmp_palette"][0][:60]]
    + [saved(of(GREY > 99), "BMP")],  # 1 bit a pixel
)
def test_what_is_no_image_is_an_error(content):
    with pytest.raises(tf.errors.InvalidArgumentError):
        decode_rgb(tf.constant(content))


def test_a_bmp_whose_palette_is_too_short_is_an_error():
    content = bytearray(FILES["bmp_palette"][0])
    # The pixels begin earlier: after two colours of 256.
    content[10:14] = (54 + 8).to_bytes(4, "little")
    with pytest.raises(tf.errors.InvalidArgumentError):
        decode_rgb(tf.constant(bytes(content)))
