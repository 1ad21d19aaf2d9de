# SPDX-License-Identifier: Apache-2.0
"""Bundles that would break a server: each is found, and the row says why.

More kinds are in test_check.py: missing variables, flipped bytes, a graph that cannot
be read, Python and random operations, rows that depend on their batch.
"""

import json
import shutil

import keras
import numpy as np
import pytest
import tensorflow as tf
from typer.testing import CliRunner

from cl_keras import artifact, export
from cl_keras.cli import app
from cl_keras.export import conformance
from cl_keras.export.bundle.warm_up import WARM_UP_FILE
from cl_keras.export.conformance.loading import Bundle, load_session
from cl_keras.export.conformance.serving_files import (
    batching_rows,
    largest_batch,
    warm_up_rows,
)
from cl_keras.export.conformance.string_rows import corrupt_rows

layers = keras.layers


def encoder_of(*middle):
    keras.utils.set_random_seed(1)
    return keras.Sequential(
        [keras.Input((8, 8, 3)), *middle, layers.GlobalAveragePooling2D()]
    )


class Always(layers.Layer):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def call(self, x):
        return self.function(x)


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    model = encoder_of(layers.Conv2D(4, 3))
    return export.saved_model(model, tmp_path_factory.mktemp("good"))


@pytest.fixture(scope="module")
def loaded(good):
    return load_session(good)


@pytest.fixture
def bundle(good, tmp_path):
    return shutil.copytree(good, tmp_path / "1")


def opened(folder, loaded, **facts):
    """A loaded folder, of which the manifest may say something else."""
    specs, call = loaded
    facts = artifact.read_manifest(folder)["input"] | facts
    return Bundle("session", specs, call, facts, 1e-5, 32)


def failures(folder):
    return {name: detail for name, ok, detail in conformance.examine(folder) if not ok}


@pytest.mark.parametrize(
    ("function", "detail"),
    [
        (lambda x: tf.math.log(x - 0.5), "not all values are finite"),
        (lambda x: x / 0.0, "not all values are finite"),
    ],
)
def test_features_that_are_not_finite(function, detail, tmp_path):
    model = encoder_of(Always(function))
    found = failures(export.saved_model(model, tmp_path, bytes_input=False))
    for loader in ("saved_model", "session"):
        for size in (1, 7, 32):
            assert detail in found[f"{loader}: serving_default: batch of {size}"]


def test_an_operation_outside_of_the_list(tmp_path):
    model = encoder_of(Always(tf.math.special.dawsn))
    found = failures(export.saved_model(model, tmp_path, bytes_input=False))
    # Such a graph is named, and never loaded.
    loads = {"saved_model: load", "session: load"}
    assert set(found) == {"long-standing operations"} | loads
    assert "Dawsn" in found["long-standing operations"]


def test_a_model_of_one_batch_size_fails_at_the_others(tmp_path):
    """The signature says any; the graph within does not keep it."""
    model = encoder_of(Always(lambda x: tf.ensure_shape(x, (7, 8, 8, 3))))
    folder = export.saved_model(model, tmp_path, bytes_input=False)
    found = failures(folder)
    for loader in ("saved_model", "session"):
        for size in (0, 1, 32):
            assert f"{loader}: serving_default: batch of {size}" in found
        assert f"{loader}: serving_default: batch of 7" not in found


@pytest.mark.slow
def test_a_batch_too_large_for_the_model(tmp_path):
    def small_only(x):
        check = tf.debugging.Assert(tf.shape(x)[0] < 32, ["too many"])
        with tf.control_dependencies([check]):
            return tf.identity(x)

    model = encoder_of(Always(small_only))
    folder = export.saved_model(model, tmp_path, bytes_input=False)
    found = failures(folder)
    assert {name for name in found if "batch of" in name} == {
        "saved_model: examples: batch of 32",
        "saved_model: serving_default: batch of 32",
        "session: examples: batch of 32",
        "session: serving_default: batch of 32",
    }


def test_rows_that_are_not_masked_as_the_manifest_says(tmp_path):
    folder = export.saved_model(
        encoder_of(layers.Conv2D(4, 3)), tmp_path, on_error="fail"
    )
    loaded = load_session(folder)
    rows = list(corrupt_rows(opened(folder, loaded)))
    assert [ok for _, ok, _ in rows] == [True, True]
    rows = list(corrupt_rows(opened(folder, loaded, on_error="mask")))
    assert all("no `valid`" in detail and not ok for _, ok, detail in rows)


def test_masking_that_the_manifest_does_not_speak_of(good, loaded):
    rows = list(corrupt_rows(opened(good, loaded)))
    assert [name for name, _, _ in rows] == [
        "session: examples: corrupt rows",
        "session: image_bytes: corrupt rows",
    ]
    assert all(ok for _, ok, _ in rows)
    rows = list(corrupt_rows(opened(good, loaded, on_error="fail")))
    assert all("they do not" in detail and not ok for _, ok, detail in rows)


def test_batching_parameters_a_server_refuses(bundle):
    path = bundle / "batching_params.pbtxt"
    assert largest_batch(bundle) == 32
    ((_, ok, detail),) = batching_rows(bundle)
    assert ok, detail
    text = path.read_text()
    for old, new in (
        ("allowed_batch_sizes: 32", "allowed_batch_sizes: 64"),
        ("allowed_batch_sizes: 4\n", "allowed_batch_sizes: 40\n"),
        ("allowed_batch_sizes: 4\n", "allowed_batch_sizes: 8\n"),
        ("max_batch_size { value: 32 }", "max_batch_size { value: 0 }"),
        ("max_batch_size { value: 32 }", ""),
    ):
        assert old in text
        path.write_text(text.replace(old, new))
        ((name, ok, detail),) = batching_rows(bundle)
        assert name == "batching parameters" and not ok
        assert "must increase up to" in detail
    path.unlink()
    assert list(batching_rows(bundle)) == []
    assert largest_batch(bundle) is None


def record(signature, **inputs):
    from tensorflow_serving.apis import prediction_log_pb2

    log = prediction_log_pb2.PredictionLog()
    request = log.predict_log.request
    request.model_spec.signature_name = signature
    for key, value in inputs.items():
        request.inputs[key].CopyFrom(tf.make_tensor_proto(value))
    return log.SerializeToString()


def warmed(folder, loaded, *records):
    """The row about these requests."""
    with tf.io.TFRecordWriter(str(folder / WARM_UP_FILE)) as file:
        for content in records:
            file.write(content)
    ((name, ok, detail),) = warm_up_rows(folder, opened(folder, loaded))
    assert name == "warm-up"
    return ok, detail


def test_warm_up_requests_that_keep_a_server_from_loading(bundle, loaded):
    pytest.importorskip("tensorflow_serving.apis")
    from tensorflow_serving.apis import prediction_log_pb2

    images = np.zeros((2, 8, 8, 3), np.float32)
    fine = record("serving_default", images=images)
    ok, detail = warmed(bundle, loaded, fine, record("", images=images))
    assert ok and "2 requests to serving_default; none to examples" in detail
    classify = prediction_log_pb2.PredictionLog()
    classify.classify_log.SetInParent()
    for bad, said in (
        (record("embed", images=images), "no signature 'embed'"),
        (record("serving_default", image=images), "received ['image']"),
        (record("serving_default", images=images.astype(np.float64)), "float64"),
        (record("serving_default", images=images[:, :4]), "Error"),
        (record("image_bytes", image_bytes=images), "received float32"),
        (classify.SerializeToString(), "expected a predict_log"),
        (b"\x0a\xff\xff", "DecodeError"),
    ):
        ok, detail = warmed(bundle, loaded, fine, bad)
        assert not ok
        assert "request 1: " in detail and said in detail
    ok, detail = warmed(bundle, loaded, *[fine] * 1001)
    assert not ok and "more than 1000" in detail


def test_a_warm_up_file_that_is_damaged(bundle, loaded):
    pytest.importorskip("tensorflow_serving.apis")
    path = bundle / WARM_UP_FILE
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    ((_, ok, detail),) = warm_up_rows(bundle, opened(bundle, loaded))
    assert not ok and "DataLossError" in detail


def test_warm_up_without_the_package_is_not_checked(bundle, loaded, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "tensorflow_serving", None)
    monkeypatch.setitem(sys.modules, "tensorflow_serving.apis", None)
    ((_, ok, detail),) = warm_up_rows(bundle, opened(bundle, loaded))
    assert ok and detail == "not checked: needs tensorflow-serving-api"
    (bundle / WARM_UP_FILE).unlink()
    assert list(warm_up_rows(bundle, opened(bundle, loaded))) == []


def test_the_command_ends_with_1_and_reasons(bundle):
    (bundle / "saved_model.pb").unlink()
    result = CliRunner().invoke(app, ["check", str(bundle), "--json"])
    assert result.exit_code == 1
    rows = json.loads(result.stdout)["checks"]
    assert [row["name"] for row in rows if not row["ok"]] == [
        "manifest",
        "saved_model.pb",
    ]
    result = CliRunner().invoke(app, ["check", str(bundle)])
    assert result.exit_code == 1
    head, *failed, _, verdict = result.stdout.splitlines()
    assert [line.split()[0] for line in failed] == ["manifest", "saved_model.pb"]
    assert "MissingFileError" in result.stdout
    assert verdict == f"2 of {len(rows)} checks failed."
