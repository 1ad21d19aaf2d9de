# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import resource
import stat
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
import pytest
import tensorflow as tf

from cl_keras import artifact, data, export
from cl_keras.export import images, writer

layers = keras.layers


def conv(shape=(8, 8, 3)):
    return keras.Sequential(
        [
            keras.Input(shape),
            layers.Conv2D(4, 3, activation="relu"),
            layers.BatchNormalization(),
            layers.Dropout(0.5),
            layers.GlobalAveragePooling2D(),
            layers.Dense(5),
        ]
    )


def decode(files, height, width, channels):
    made = [images.decode_image(file, height, width, channels) for file in files]
    return np.stack(made)


def call(folder, signature, **inputs):
    loaded = tf.saved_model.load(str(folder))
    outputs = loaded.signatures[signature](
        **{k: tf.constant(v) for k, v in inputs.items()}
    )
    assert set(outputs) <= {"embedding", "valid"}
    return outputs["embedding"].numpy()


@pytest.mark.slow
def test_both_signatures_give_the_encoders_features(tmp_path):
    encoder = conv()
    encoder.layers[1].moving_mean.assign([0.1, 0.2, -0.1, 0.0])
    folder = export.saved_model(encoder, tmp_path, metadata={"seed": 3})
    assert folder == tmp_path / "1"
    pixels = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3), np.uint8)
    expected = encoder.predict(pixels.astype("float32") / 255, verbose=0)
    floats = call(folder, "serving_default", images=pixels.astype("float32") / 255)
    np.testing.assert_allclose(floats, expected, atol=1e-6)
    files = [tf.io.encode_png(p).numpy() for p in pixels]
    encoded = call(folder, "image_bytes", image_bytes=files)
    np.testing.assert_allclose(encoded, expected, atol=1e-6)
    empty = call(folder, "image_bytes", image_bytes=np.array([], dtype=np.bytes_))
    assert empty.shape == (0, 5)

    manifest = artifact.verify(folder)
    assert manifest["metadata"] == {"seed": 3}
    assert manifest["features"] == 5
    assert manifest["input"]["shape"] == [8, 8, 3]
    assert manifest["library_versions"]["keras"] == keras.__version__


def test_weights_are_stored_once(tmp_path):
    encoder = conv()
    folder = export.saved_model(encoder, tmp_path)
    stored = tf.train.list_variables(str(folder / "variables" / "variables"))
    assert sum(np.prod(shape) for _, shape in stored if shape) == encoder.count_params()


def test_versions_count_up_and_nothing_else_stays(tmp_path):
    (tmp_path / "7").mkdir()
    (tmp_path / "notes").mkdir()
    folder = export.saved_model(conv(), tmp_path, bytes_input=False)
    assert folder.name == "8"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["7", "8", "notes"]
    # Readable for a server that runs as another user, as any new folder is.
    assert stat.S_IMODE(folder.stat().st_mode) == stat.S_IMODE(
        (tmp_path / "7").stat().st_mode
    )
    signatures = ["serving_default", "examples"]
    assert list(artifact.read_manifest(folder)["signatures"]) == signatures


def test_exporters_at_once_get_a_version_each(tmp_path):
    def publish(i):
        return writer._next_version(
            tmp_path, lambda folder: (folder / "saved_model.pb").write_text(str(i))
        )

    with ThreadPoolExecutor(8) as pool:
        folders = list(pool.map(publish, range(40)))
    assert sorted(int(f.name) for f in folders) == list(range(1, 41))
    assert {(f / "saved_model.pb").read_text() for f in folders} == set(
        map(str, range(40))
    )


def test_failed_export_leaves_nothing(tmp_path):
    # Valid JSON that no UTF-8 file can hold: fails after the model is written.
    with pytest.raises(UnicodeEncodeError):
        export.saved_model(
            conv(), tmp_path, bytes_input=False, metadata={"note": "\ud800"}
        )
    assert list(tmp_path.iterdir()) == []


def test_half_precision_encoder_answers_in_float32(tmp_path):
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    folder = export.saved_model(conv(), tmp_path, bytes_input=False)
    assert artifact.read_manifest(folder)["compute_dtype"] == "bfloat16"
    x = np.zeros((2, 8, 8, 3), "float32")
    assert call(folder, "serving_default", images=x).dtype == np.float32


def test_other_inputs_get_the_float_signature(tmp_path):
    encoder = keras.Sequential([keras.Input((6,)), layers.Dense(2)])
    folder = export.saved_model(encoder, tmp_path)
    x = np.ones((3, 6), "float32")
    np.testing.assert_allclose(
        call(folder, "serving_default", inputs=x), encoder(x), atol=1e-6
    )
    signatures = ["serving_default", "examples"]
    assert list(artifact.read_manifest(folder)["signatures"]) == signatures


class Subclassed(keras.Model):
    def call(self, x):
        return x


def two_inputs():
    a, b = keras.Input((2,)), keras.Input((2,))
    return keras.Model([a, b], layers.Add()([a, b]))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (Subclassed, "input shape is known"),
        (two_inputs, "2 inputs"),
        (lambda: conv((None, None, 3)), "known height"),
        (lambda: keras.Sequential([keras.Input((4, 4, 3)), layers.ReLU()]), "pooling"),
        (
            lambda: keras.Sequential(
                [keras.Input((4,), dtype="int32"), layers.Embedding(2, 2)]
            ),
            "float input",
        ),
    ],
)
def test_encoders_that_cannot_be_exported_say_why(tmp_path, make, message):
    with pytest.raises(ValueError, match=message):
        export.saved_model(make(), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_wrong_types_are_refused(tmp_path):
    with pytest.raises(TypeError, match="function"):
        export.saved_model(lambda x: x, tmp_path)
    with pytest.raises(TypeError, match="metadata"):
        export.saved_model(conv(), tmp_path, metadata={"a": object()})


@pytest.mark.slow
@pytest.mark.parametrize("size", [(16, 16), (40, 61), (61, 40), (9, 300), (5, 7)])
def test_decoding_resizes_the_shorter_side_and_crops_the_centre(size, tmp_path):
    pixels = np.random.default_rng(1).integers(0, 256, (*size, 3), np.uint8)
    got = decode(tf.io.encode_png(pixels)[None], 16, 16, 3)[0]
    # The slow way, one step at a time; rounding may fall either way at a half.
    covered = [round(side * 16 / min(size)) for side in size]
    large = tf.image.resize(pixels, covered, antialias=True).numpy()
    top, left = ((side - 16) // 2 for side in covered)
    gap = np.abs(got * 255 - large[top : top + 16, left : left + 16])
    assert gap.max() < 0.51
    np.testing.assert_allclose(got * 255, np.round(got * 255), atol=1e-4)

    # Exactly what training reads: from a file, and from an array.
    (tmp_path / "image.png").write_bytes(tf.io.encode_png(pixels).numpy())
    np.savez(tmp_path / "images.npz", images=pixels[None])
    for source in (f"folder:{tmp_path}", f"npz:{tmp_path}/images.npz"):
        read = data.load(source, image_size=16).images[0]
        np.testing.assert_array_equal(got, read / np.float32(255))


def test_decoding_an_image_of_the_right_size_only_scales_it():
    pixels = np.random.default_rng(1).integers(0, 256, (6, 9, 3), np.uint8)
    got = decode(tf.io.encode_png(pixels)[None], 6, 9, 3)[0]
    np.testing.assert_allclose(got, pixels / np.float32(255), atol=1e-7)


def test_grey_files_keep_their_values():
    pixels = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)
    got = decode(tf.io.encode_png(pixels)[None], 16, 16, 1)[0]
    np.testing.assert_allclose(got, pixels / np.float32(255), atol=1e-7)


@pytest.mark.slow
def test_jpeg_gif_and_bmp_are_decoded():
    image = pytest.importorskip("PIL.Image")
    from io import BytesIO

    pixels = np.full((20, 20, 3), 120, np.uint8)
    files = []
    for kind in ("JPEG", "GIF", "BMP", "PNG"):
        buffer = BytesIO()
        image.fromarray(pixels).save(buffer, kind)
        files.append(buffer.getvalue())
    for channels in (1, 3):
        got = decode(tf.constant(files), 8, 8, channels)
        assert got.shape == (4, 8, 8, channels)
        np.testing.assert_allclose(got, 120 / 255, atol=2 / 255)


def test_an_extreme_image_costs_no_memory():
    # Resized as a whole: 64 x 64,000,000 x 3 floats. Resized in height only, as one
    # op would do with all its columns: 768 MB.
    pixels = np.random.default_rng(1).integers(0, 256, (1, 1_000_000, 3), np.uint8)
    centre = pixels[:, 499_990:500_010]
    files = [tf.io.encode_png(image)[None] for image in (centre, pixels)]
    expected = decode(files[0], 64, 64, 3)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    got = decode(files[1], 64, 64, 3)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    np.testing.assert_array_equal(got, expected)
    assert grown < 200_000  # KB


def test_other_channels_are_refused():
    with pytest.raises(ValueError, match="channels=4"):
        decode(tf.constant([b""]), 8, 8, 4)


@pytest.mark.parametrize("name", ["[x]", "a[1-3]b", "back\\slash"])
def test_folders_that_cannot_be_loaded_are_refused_before_any_work(tmp_path, name):
    with pytest.raises(ValueError, match="without .* and backslashes"):
        export.saved_model("no encoder, which is looked at later", tmp_path / name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_version_moved_to_such_a_folder_is_told_why(tmp_path):
    folder = export.saved_model(conv(), tmp_path / "good", bytes_input=False)
    (tmp_path / "[x]").mkdir()
    report = export.check(folder.rename(tmp_path / "[x]" / "1"))
    details = {row.name: row.detail for row in report.rows if not row.ok}
    assert "for a pattern" in details["saved_model: load"]


@pytest.mark.slow
def test_keras_layers_take_a_dict_of_inputs(tmp_path):
    encoder = conv()
    folder = export.saved_model(encoder, tmp_path, bytes_input=False)
    images = np.random.default_rng(0).random((3, 8, 8, 3), np.float32)
    layer = layers.TFSMLayer(str(folder), call_endpoint="serving_default")
    answer = layer({"images": images})
    assert set(answer) == {"embedding"}
    np.testing.assert_allclose(answer["embedding"], encoder(images), atol=1e-6)
    # In a model, as someone puts a classifier on top.
    inputs = keras.Input((8, 8, 3))
    on_top = keras.Model(inputs, layer({"images": inputs})["embedding"])
    np.testing.assert_allclose(on_top(images), encoder(images), atol=1e-6)
