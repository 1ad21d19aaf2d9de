# SPDX-License-Identifier: Apache-2.0
"""One bad row in a batch, through the loader that a server uses."""

import io
import resource
import struct
import zlib

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from cl_keras import artifact, export
from cl_keras.export.conformance.loading import load_session

layers = keras.layers
PIXELS = np.random.default_rng(0).integers(0, 256, (6, 8, 8, 3), np.uint8)


def encoder():
    keras.utils.set_random_seed(1)
    return keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            layers.Conv2D(4, 3),
            layers.BatchNormalization(),
            layers.GlobalAveragePooling2D(),
            # So that an image of nothing has features.
            layers.Dense(5, bias_initializer="ones"),
        ]
    )


def saved(pixels, kind="PNG"):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind)
    return buffer.getvalue()


def strings(*contents):
    return {"image_bytes": np.array(contents, dtype=object)}


@pytest.fixture(scope="module")
def model():
    return encoder()


@pytest.fixture(scope="module")
def served(model, tmp_path_factory):
    folder = export.saved_model(
        model, tmp_path_factory.mktemp("m"), max_pixels=5_000_000
    )
    return load_session(folder)[1]


@pytest.fixture(scope="module")
def expected(model):
    return model.predict(PIXELS.astype(np.float32) / 255, verbose=0)


def png_bomb(height, width):
    """Zeros of a whole large image, packed into next to nothing."""

    def chunk(name, data):
        body = name + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    packer = zlib.compressobj(9)
    row = bytes(1 + 3 * width)
    data = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = chunk(b"IHDR", head), chunk(b"IDAT", data), chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


GOOD = [saved(pixels) for pixels in PIXELS]
BAD = {
    "nothing": b"",
    "a byte": b"\x00",
    "text": b"no image",
    "cut off": GOOD[0][:-20],
    "head only": GOOD[0][:40],
    "cut JPEG": saved(PIXELS[0], "JPEG")[:-200],
    "cut GIF": saved(PIXELS[0], "GIF")[:40],
    "cut BMP": saved(PIXELS[0], "BMP")[:60],
    "changed": GOOD[0][:45] + b"\xff\xff" + GOOD[0][47:],
    "WebP": b"RIFF\x1a\x00\x00\x00WEBPVP8L\x0d\x00\x00\x00/\x00\x00\x00\x10\x07",
    "too large": saved(np.zeros((2501, 2000, 3), np.uint8)),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", BAD)
def test_a_bad_row_is_zero_and_the_others_are_right(name, served, expected):
    for place in (0, 2, 4):
        contents = [*GOOD[:place], BAD[name], *GOOD[place:4]]
        got = served("image_bytes", strings(*contents))
        assert got["valid"].tolist() == [i != place for i in range(5)]
        assert got["embedding"].dtype == np.float32
        assert not got["embedding"][place].any()
        others = np.delete(got["embedding"], place, axis=0)
        np.testing.assert_allclose(others, expected[:4], atol=1e-6)


def test_no_row_and_nothing_but_bad_rows(served):
    got = served("image_bytes", strings())
    assert got["embedding"].shape == (0, 5)
    assert got["valid"].shape == (0,)
    got = served("image_bytes", strings(*BAD.values()))
    assert not got["valid"].any()
    assert not got["embedding"].any()


def test_rows_come_in_order_and_do_not_depend_on_their_batch(served, expected):
    """Large ones take longest, and are overtaken."""
    large = saved(np.kron(PIXELS[5], np.ones((150, 150, 1), np.uint8)))
    contents = [large, *GOOD[:3], b"bad", large, *GOOD[3:]] * 3
    together = served("image_bytes", strings(*contents))
    for _ in range(3):
        again = served("image_bytes", strings(*contents))
        np.testing.assert_allclose(again["embedding"], together["embedding"], atol=1e-6)
    alone = [served("image_bytes", strings(c)) for c in contents]
    for key in ("embedding", "valid"):
        joined = np.concatenate([row[key] for row in alone])
        np.testing.assert_allclose(together[key], joined, atol=1e-6)
    np.testing.assert_allclose(together["embedding"][1:4], expected[:3], atol=1e-6)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "BMP"])
@pytest.mark.parametrize("shape", [(1, 1), (1, 5000), (5000, 1), (2, 3)])
def test_degenerate_images_are_right(kind, shape, served, model):
    """The encoder is shown colours; a JPEG of one colour keeps them within a level."""
    pixels = np.full((*shape, 3), (200, 30, 90), np.uint8)
    got = served("image_bytes", strings(GOOD[0], saved(pixels, kind)))
    assert got["valid"].all()
    colour = np.full((1, 8, 8, 3), (200, 30, 90), np.float32) / 255
    atol = 2e-2 if kind == "JPEG" else 1e-5
    np.testing.assert_allclose(got["embedding"][1:], model(colour), atol=atol)


def test_a_bomb_costs_no_memory(served, expected):
    bomb = png_bomb(50_000, 50_000 // 25)  # 300 MB.
    claim = GOOD[0][:16] + struct.pack(">II", 50_000, 50_000) + GOOD[0][24:]
    crc = struct.pack(">I", zlib.crc32(claim[12:29]))
    claim = claim[:29] + crc + claim[33:]
    assert len(bomb) < 500_000
    served("image_bytes", strings(*GOOD))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    got = served("image_bytes", strings(GOOD[0], *[bomb, claim] * 8, GOOD[1]))
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 50_000  # KB
    assert got["valid"].tolist() == [True, *[False] * 16, True]
    np.testing.assert_allclose(got["embedding"][[0, -1]], expected[:2], atol=1e-6)


@pytest.fixture(scope="module")
def failing(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("fail")
    return export.saved_model(model, folder, on_error="fail", max_pixels=5_000_000)


def test_fail_is_plain_decoding(failing, expected):
    specs, call = load_session(failing)
    manifest = artifact.read_manifest(failing)
    assert manifest["input"]["on_error"] == "fail"
    assert list(specs["image_bytes"]["outputs"]) == ["embedding"]
    got = call("image_bytes", strings(*GOOD))
    np.testing.assert_allclose(got["embedding"], expected, atol=1e-6)
    for content in BAD.values():
        with pytest.raises(tf.errors.InvalidArgumentError):
            call("image_bytes", strings(GOOD[0], content))


def test_fail_needs_no_pipeline_kernels(failing):
    from tensorflow.core.protobuf import saved_model_pb2

    from cl_keras.export.conformance.operations import reachable

    bundle = saved_model_pb2.SavedModel()
    bundle.ParseFromString((failing / "saved_model.pb").read_bytes())
    found = reachable(bundle.meta_graphs[0].graph_def)
    assert "DecodeImage" in found
    assert not [name for name in found if "Dataset" in name]


def test_options_out_of_range(tmp_path):
    for options in (
        {"on_error": "ignore"},
        {"max_pixels": 0},
        {"max_seconds": -1.0},
        {"sample_rate": 0},
    ):
        (name,) = options
        with pytest.raises(ValueError, match=name):
            export.saved_model(encoder(), tmp_path, **options)
    with pytest.raises(ValueError, match="encoder of waveforms only"):
        export.saved_model(encoder(), tmp_path, sample_rate=16_000)
    assert list(tmp_path.iterdir()) == []
