# SPDX-License-Identifier: Apache-2.0
"""Photographs as cameras and phones write them: the pixels that Pillow shows."""

import io
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from cl_keras import augment, data, encoders, export
from cl_keras.export.client import batches
from cl_keras.export.client.transport import Signature, Tensor
from cl_keras.preprocessing import decoding, photos

Image = pytest.importorskip("PIL.Image")
ImageOps = pytest.importorskip("PIL.ImageOps")
pillow_heif = pytest.importorskip("pillow_heif")

SIDE = 24


def picture(height=45, width=61):
    """Smooth and asymmetric, of odd sides: a wrong turn or padding shows."""
    y, x = np.mgrid[0:height, 0:width]
    planes = [x * 255 / width, y * 255 / height, 128 + 100 * np.sin(x / 9 + y / 5)]
    return Image.fromarray(np.stack(planes, -1).astype(np.uint8))


def saved(kind, image=None, orientation=None, **options):
    stream = io.BytesIO()
    if orientation:
        exif = Image.Exif()
        exif[0x0112] = orientation
        # As bytes, so that HEIC gets properties that turn it, as phones write them.
        options["exif"] = exif.tobytes()
    (image or picture()).save(stream, kind, **options)
    return stream.getvalue()


@pytest.fixture(autouse=True)
def heif():
    """Pillow writes and reads HEIC in these tests; the library leaves Pillow alone."""
    pillow_heif.register_heif_opener()


def shown(content):
    image = ImageOps.exif_transpose(Image.open(io.BytesIO(content)))
    return np.asarray(image.convert("RGB")).astype(int)


KINDS = {
    "TIFF": {},
    "HEIF": {"quality": -1},
    "AVIF": {"quality": 100, "subsampling": "4:4:4"},
}


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", *KINDS])
def test_every_kind_is_turned_as_pillow_turns_it(kind, orientation):
    options = KINDS.get(kind, {"lossless": True} if kind == "WEBP" else {})
    content = saved(kind, orientation=orientation, **options)
    found = decoding.decode_rgb(tf.constant(photos.served(content))).numpy()
    expected = shown(saved("PNG", orientation=orientation))
    assert found.shape == expected.shape
    # Of HEIC and JPEG the colours are stored at half the size.
    exact = kind not in ("JPEG", "HEIF", "AVIF")
    assert abs(found - expected).mean() < (0.01 if exact else 5)
    if kind in KINDS:
        np.testing.assert_array_equal(found, shown(content))


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK"])
def test_tiffs_of_all_modes(mode, compress):
    content = saved("TIFF", picture().convert(mode), compression="tiff_deflate")
    made = photos.served(content, compress=compress)
    found = decoding.decode_rgb(tf.constant(made)).numpy()
    np.testing.assert_array_equal(found, shown(content))


def test_grey_levels_of_16_bits_keep_those_that_are_used():
    levels = np.linspace(0, 4095, 45 * 61).reshape(45, 61).astype(np.uint16)
    for kind in ("TIFF", "PNG"):
        content = saved(kind, Image.fromarray(levels), orientation=6)
        found = decoding.decode_rgb(tf.constant(photos.served(content))).numpy()
        np.testing.assert_array_equal(found[..., 0], np.rot90(levels >> 4, -1))
    whole = saved("TIFF", Image.fromarray(levels * 16))
    found = decoding.decode_rgb(tf.constant(photos.served(whole))).numpy()
    np.testing.assert_array_equal(found[..., 1], levels >> 4)


def test_cmyk_jpegs_and_grey_ones():
    for mode in ("CMYK", "L"):
        content = saved("JPEG", picture().convert(mode), quality=95)
        found = decoding.decode_rgb(tf.constant(content)).numpy()
        assert abs(found - shown(content)).mean() < 2


@pytest.fixture
def folder(tmp_path):
    """Two of each kind, one of them under another kind's name."""
    made = tmp_path / "photos"
    made.mkdir()
    for kind, suffix in (("JPEG", "jpg"), ("TIFF", "tiff"), ("HEIF", "heic")):
        content = saved(kind, orientation=6)
        (made / f"a.{suffix}").write_bytes(content)
        (made / f"{suffix}.jpg").write_bytes(content)
    (made / "a.avif").write_bytes(saved("AVIF", orientation=6))
    return made


def test_all_ways_in_give_the_same_pixels(folder, tmp_path):
    """In memory, from memory as files, from files, and packed: what serving reads."""
    spec = f"folder:{folder}"
    images = data.load(spec, image_size=SIDE)
    assert len(images) == 7 and not images.skipped
    expected = dict(zip(images.ids, images.images, strict=True))
    for max_bytes in (2**30, 0):
        source = data.encoded_images(folder, max_bytes=max_bytes)
        (whole,) = next(iter(data.one_view(source, 7, size=SIDE, shuffle=False)))
        found = np.round(whole.numpy() * 255)
        for name, pixels in zip(source.ids, found, strict=True):
            np.testing.assert_array_equal(pixels, expected[name])
    data.write_records(spec, tmp_path / "packed", shards=1)
    packed = data.load(f"tfrecord:{tmp_path / 'packed'}", image_size=SIDE)
    for name, pixels in zip(packed.ids, packed.images, strict=True):
        np.testing.assert_array_equal(pixels, expected[name])


@pytest.mark.slow
def test_serving_refuses_a_row_and_reads_what_is_made_of_it(folder, tmp_path):
    images = data.load(f"folder:{folder}", image_size=SIDE)
    encoder = encoders.compact_resnet((SIDE, SIDE, 3), width=4, blocks=1)
    path = export.saved_model(encoder, tmp_path / "served")
    read = tf.saved_model.load(str(path)).signatures["image_bytes"]
    contents = [(folder / name).read_bytes() for name in images.ids]
    answer = read(image_bytes=tf.constant(contents))
    kinds = [photos.kind_of(content[: photos.HEAD]) for content in contents]
    assert answer["valid"].numpy().tolist() == [kind is None for kind in kinds]
    made = [photos.served(content) for content in contents]
    answer = read(image_bytes=tf.constant(made))
    assert answer["valid"].numpy().all()
    expected = encoder.predict(images.images / np.float32(255), verbose=0)
    np.testing.assert_allclose(answer["embedding"], expected, atol=1e-5)


def test_what_cannot_be_decoded_says_why(folder):
    tiff = saved("TIFF")
    raw = saved("TIFF", tiffinfo={254: 1})
    assert photos.kind_of(b"II*\0\x10\0\0\0CR") is None
    floats = saved("TIFF", Image.fromarray(np.full((4, 4), 0.5, np.float32)))
    deep = saved("TIFF", Image.fromarray(np.full((4, 4), 70_000, np.int32)))
    cases = {
        tiff[: len(tiff) // 2]: "TIFF that cannot be decoded",
        raw: "raw file",
        floats: "floating-point",
        deep: "70000",
        saved("HEIF")[:200]: "HEIC that cannot be decoded",
        saved("AVIF")[:200]: "AVIF that cannot be decoded",
    }
    for content, reason in cases.items():
        with pytest.raises(ValueError, match=reason):
            photos.served(content)
        (folder / "bad.heic").write_bytes(content)
        with pytest.warns(UserWarning, match=f"bad.heic .*{reason}"):
            assert len(data.load(f"folder:{folder}", image_size=8)) == 7


def test_too_many_pixels_are_refused_before_they_are_decoded(monkeypatch):
    monkeypatch.setattr(photos, "MAX_PIXELS", 45 * 61 - 1)
    for kind, options in KINDS.items():
        with pytest.raises(ValueError, match="45 x 61 pixels are too many"):
            photos.served(saved(kind, **options))


def test_a_missing_extra_is_named(folder, monkeypatch):
    for module in ("pillow_heif", "PIL", "PIL.Image"):
        monkeypatch.setitem(sys.modules, module, None)
        needs = r'pip install "cl-keras\[photos\]"'
        with pytest.raises(ImportError, match=needs):
            photos.served((folder / "a.heic").read_bytes())
    with pytest.warns(UserWarning, match=needs):
        images = data.load(f"folder:{folder}", image_size=8)
    assert images.ids == ("a.jpg", "jpg.jpg")
    assert sum("[photos]" in text for text in images.skipped) == 5


def test_a_client_sends_what_a_server_reads(folder, monkeypatch):
    bytes_in = Signature({"image_bytes": Tensor(np.dtype(object), (None,))}, {})
    tiff, heic = saved("TIFF"), folder / "a.heic"
    feed = batches.feed([tiff, heic, tiff[:99]], [0, 1, 2], "image_bytes", bytes_in)
    sent = feed["image_bytes"].tolist()
    assert sent == [photos.served(tiff), photos.served(heic.read_bytes()), tiff[:99]]
    other = Signature({"x": Tensor(np.dtype(object), (None,))}, {})
    assert batches.feed([tiff], [0], "own", other)["x"].tolist() == [tiff]
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.warns(UserWarning, match=r'as it is. .*"cl-keras\[photos\]"'):
        feed = batches.feed([heic], [0], "image_bytes", bytes_in)
    assert feed["image_bytes"].tolist() == [heic.read_bytes()]


def test_a_file_that_turns_out_bad_is_replaced_and_named(folder):
    contents = [file.read_bytes() for file in sorted(folder.iterdir())]
    (folder / "b.jpg").write_bytes(contents[0][:300])
    (folder / "c.png").write_bytes(b"no image")
    source = data.encoded_images(folder, max_bytes=0)
    labels = np.arange(len(source))
    views = data.two_views(
        source,
        augment.SimCLRImages(size=8, flip=0.0, jitter=0.0, grayscale=0.0),
        len(source),
        labels=labels,
        shuffle=False,
    )
    (first, second), shown_labels = next(iter(views))
    good = [row for row in range(9) if source.ids[row] not in ("b.jpg", "c.png")]
    bad = sorted({*range(9)} - {*good})
    for row in bad:
        stand_in = int(shown_labels[row])
        assert stand_in in good
        np.testing.assert_array_equal(first[row], first[stand_in])
        np.testing.assert_array_equal(second[row], second[stand_in])
    assert [int(shown_labels[row]) for row in good] == good
    assert [Path(x.partition(" (")[0]).name for x in source.unreadable()] == [
        "b.jpg",
        "c.png",
    ]
