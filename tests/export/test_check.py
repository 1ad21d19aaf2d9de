# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import shutil

import keras
import numpy as np
import pytest
import tensorflow as tf

from cl_keras import artifact, encoders, export
from cl_keras.export import conformance

layers = keras.layers


def encoder_of(*middle):
    keras.utils.set_random_seed(1)
    return keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            layers.Conv2D(4, 3, activation="relu"),
            *middle,
            layers.GlobalAveragePooling2D(),
            layers.Dense(5),
        ]
    )


class Always(layers.Layer):
    """Calls a function whatever the mode."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def call(self, x):
        return self.function(x)


class Training(layers.Layer):
    """Normalizes by the batch even when asked for inference."""

    def __init__(self):
        super().__init__()
        self.norm = layers.BatchNormalization()

    def call(self, x):
        return self.norm(x, training=True)


def batch_statistics(x):
    mean, variance = tf.nn.moments(x, [0, 1, 2])
    return (x - mean) / tf.sqrt(variance + 1e-3)


def through_python(x):
    y = tf.numpy_function(lambda a: a, [x], tf.float32)
    return tf.ensure_shape(y, x.shape)


@pytest.fixture(scope="module")
def encoder():
    return encoder_of(layers.BatchNormalization(), layers.Dropout(0.5))


@pytest.fixture(scope="module")
def good(encoder, tmp_path_factory):
    return export.saved_model(encoder, tmp_path_factory.mktemp("good"))


@pytest.fixture
def bundle(good, tmp_path):
    return shutil.copytree(good, tmp_path / "1")


def failures(folder):
    """Rows that fail, without the price of a process of their own."""
    return {name: detail for name, ok, detail in conformance.examine(folder) if not ok}


def test_good_bundle_passes_in_a_fresh_process(good, encoder):
    report = export.check(good, encoder=encoder)
    assert report.ok, str(report)
    assert report.failures == ()
    names = {row.name for row in report.rows}
    assert {
        "manifest",
        "no random operations",
        "saved_model: serving_default: equals the encoder",
        "session: serving_default: equals the encoder",
        "session: image_bytes: equals serving_default",
        "session: image_bytes: batch of 0",
        "saved_model: image_bytes: rows independent",
        "process",
    } <= names
    assert "rows independent" in str(report)


@pytest.mark.slow
@pytest.mark.parametrize("onednn", ["0", "1"])
def test_convolutions_take_batches_without_rows(tmp_path, monkeypatch, onednn):
    """Also by oneDNN, which a server uses if its CPU has AVX-512 VNNI."""
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", onednn)
    encoder = encoders.compact_resnet((8, 8, 3), width=2, blocks=1)
    folder = export.saved_model(encoder, tmp_path)
    report = export.check(folder, encoder=encoder)
    assert report.ok, str(report)


@pytest.mark.slow
def test_missing_variables_other_encoder_and_a_changed_byte(bundle, encoder):
    other = keras.models.clone_model(encoder)
    for weight in other.weights:
        weight.assign(weight + 0.01)
    path = bundle / "variables" / "variables.data-00000-of-00001"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0x10
    path.write_bytes(data)
    report = export.check(bundle, encoder=other)
    found = {row.name: row.detail for row in report.failures}
    assert not report.ok
    assert "variables.data-00000-of-00001" in found["manifest"]

    shutil.rmtree(bundle / "variables")
    report = export.check(bundle)
    found = {row.name for row in report.failures}
    assert {"manifest", "saved_model: load", "session: load"} <= found


@pytest.mark.slow
def test_difference_from_the_encoder(good, encoder):
    x = np.random.default_rng(0).random((4, 8, 8, 3), np.float32)
    wrong = encoder.predict(x, verbose=0)
    wrong[2, 1] += 1e-4
    probe = {"input_images": x, "expected": wrong, "tolerance": np.float64(1e-5)}
    rows = {name: ok for name, ok, _ in conformance.examine(good, probe)}
    assert not rows["saved_model: serving_default: equals the encoder"]
    assert not rows["session: serving_default: equals the encoder"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("function", "row"),
    [
        (batch_statistics, "saved_model: serving_default: rows independent"),
        (batch_statistics, "session: serving_default: rows independent"),
        (lambda x: x + tf.random.normal(tf.shape(x)), "no random operations"),
        (
            lambda x: x + tf.random.stateless_normal(tf.shape(x), [1, 2]),
            "no random operations",
        ),
        (through_python, "no Python operations"),
    ],
)
def test_bad_graphs(tmp_path, function, row):
    folder = export.saved_model(
        encoder_of(Always(function)), tmp_path, bytes_input=False
    )
    assert row in failures(folder)


def test_batch_normalization_in_training_mode(tmp_path):
    encoder = encoder_of(Training())
    folder = export.saved_model(encoder, tmp_path, bytes_input=False)
    assert "session: serving_default: rows independent" in failures(folder)


def test_missing_signature(tmp_path, encoder):
    folder = export.saved_model(encoder, tmp_path, bytes_input=False)
    facts = artifact.read_manifest(folder)
    del facts["format"], facts["files"]
    facts["signatures"]["image_bytes"] = {"inputs": {}, "outputs": {}}
    artifact.write_manifest(folder, **facts)
    assert "session: image_bytes: specification" in failures(folder)


@pytest.mark.slow
def test_wrong_width_in_the_manifest(bundle):
    facts = artifact.read_manifest(bundle)
    del facts["format"], facts["files"]
    facts["signatures"]["serving_default"]["outputs"]["embedding"]["shape"] = [None, 6]
    artifact.write_manifest(bundle, **facts)
    assert list(failures(bundle)) == [
        "saved_model: serving_default: specification",
        "session: serving_default: specification",
    ]


def test_closed_batch_and_foreign_signature_name(tmp_path):
    module = tf.Module()
    module.f = tf.function(
        lambda images: {"embedding": tf.reduce_mean(images, [1, 2])},
        input_signature=[tf.TensorSpec((2, 8, 8, 3), tf.float32, "images")],
    )
    tf.saved_model.save(module, str(tmp_path / "1"), signatures={"embed": module.f})
    found = failures(tmp_path / "1")
    assert "serving_default is missing" in found["session: signatures"]
    assert "not open" in found["session: embed: specification"]
    assert "session: embed: batch of 7" in found


def test_decoding_that_differs_from_the_floats(tmp_path):
    def embed(images):
        return {"embedding": tf.reduce_mean(images, [1, 2])}

    def wrong(image_bytes):
        decode = lambda b: tf.ensure_shape(tf.io.decode_png(b, 3), (8, 8, 3))  # noqa: E731
        pixels = tf.map_fn(decode, image_bytes, fn_output_signature=tf.uint8)
        return embed(tf.cast(pixels, tf.float32) / 256)

    module = tf.Module()
    spec = tf.TensorSpec((None, 8, 8, 3), tf.float32, "images")
    module.f = tf.function(embed, input_signature=[spec])
    spec = tf.TensorSpec((None,), tf.string, "image_bytes")
    module.g = tf.function(wrong, input_signature=[spec])
    signatures = {"serving_default": module.f, "image_bytes": module.g}
    tf.saved_model.save(module, str(tmp_path / "1"), signatures=signatures)
    side = {"dtype": "float32", "shape": [None, 3]}
    artifact.write_manifest(
        tmp_path / "1",
        signatures={
            "serving_default": {
                "inputs": {"images": {"dtype": "float32", "shape": [None, 8, 8, 3]}},
                "outputs": {"embedding": side},
            },
            "image_bytes": {
                "inputs": {"image_bytes": {"dtype": "string", "shape": [None]}},
                "outputs": {"embedding": side},
            },
        },
        input={"shape": [8, 8, 3]},
        compute_dtype="float32",
    )
    assert list(failures(tmp_path / "1")) == [
        "saved_model: image_bytes: equals serving_default",
        "session: image_bytes: equals serving_default",
    ]


def test_no_bundle_at_all(tmp_path, good):
    report = export.check(tmp_path / "absent")
    assert [row.name for row in report.failures] == ["manifest", "saved_model.pb"]
    report = export.check(good.parent)
    assert "pass one of its versions: 1" in report.rows[-1].detail


def test_unreadable_graph_does_not_raise(bundle):
    (bundle / "saved_model.pb").write_bytes(b"\x07garbage")
    (bundle / "manifest.json").write_text("{}")
    found = failures(bundle)
    assert {"signatures", "graph", "saved_model: load", "session: load"} <= found.keys()


def test_process_that_takes_too_long(bundle):
    report = export.check(bundle, timeout=0.05)
    assert "did not end within 0.05 s" in report.rows[-1].detail
