# SPDX-License-Identifier: Apache-2.0
"""Warm-up requests and batching parameters, read with TensorFlow Serving's protos."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import (
    descriptor_pb2,
    descriptor_pool,
    message_factory,
    text_format,
    wrappers_pb2,  # noqa: F401, registers Int64Value
)

from cl_keras import artifact, encoders, export
from cl_keras.export.bundle import version_files
from cl_keras.export.bundle.batching import BATCH_SIZES, BATCHING_FILE
from cl_keras.export.bundle.warm_up import WARM_UP_FILE, prediction_log

Field = descriptor_pb2.FieldDescriptorProto


def message(name, **fields):
    """A message of TensorFlow Serving that its Python package does not have.

    Names and types are those of session_bundle_config.proto and
    monitoring_config.proto; text has no field numbers.
    """
    file = descriptor_pb2.FileDescriptorProto(
        name=f"{name}.proto", package=f"test_{name}", syntax="proto3"
    )
    file.dependency.append("google/protobuf/wrappers.proto")
    made = file.message_type.add(name=name)
    for number, (key, kind) in enumerate(fields.items(), 1):
        many = Field.LABEL_REPEATED if kind.startswith("repeated ") else 1
        field = made.field.add(name=key, number=number, label=many)
        if kind == "Int64Value":
            field.type = Field.TYPE_MESSAGE
            field.type_name = ".google.protobuf.Int64Value"
        else:
            field.type = getattr(Field, f"TYPE_{kind.split()[-1].upper()}")
    pool = descriptor_pool.Default()
    pool.Add(file)
    return message_factory.GetMessageClass(
        pool.FindMessageTypeByName(f"test_{name}.{name}")
    )


@pytest.fixture(scope="module")
def batching_parameters():
    return message(
        "BatchingParameters",
        max_batch_size="Int64Value",
        batch_timeout_micros="Int64Value",
        max_enqueued_batches="Int64Value",
        num_batch_threads="Int64Value",
        allowed_batch_sizes="repeated int64",
        pad_variable_length_inputs="bool",
    )


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    base = tmp_path_factory.mktemp("bundles")
    keras.utils.set_random_seed(0)
    layers = keras.layers
    image = keras.Sequential(
        [
            keras.Input((16, 16, 3)),
            layers.Conv2D(4, 3),
            layers.GlobalAveragePooling2D(),
        ]
    )
    vector = keras.Sequential([keras.Input((6,)), layers.Dense(2)])
    audio = encoders.audio_conv(channels=8, context=4)
    graph = encoders.gcn((6,), units=[4])
    made = {"image": image, "vector": vector, "audio": audio, "graph": graph}
    return {name: export.saved_model(e, base / name) for name, e in made.items()}


def requests(folder):
    logs = pytest.importorskip(
        "tensorflow_serving.apis.prediction_log_pb2", reason="extra `serving`"
    )
    for record in tf.data.TFRecordDataset(str(folder / WARM_UP_FILE)):
        log = logs.PredictionLog.FromString(record.numpy())
        assert log.WhichOneof("log_type") == "predict_log"
        yield log.predict_log.request


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["image", "vector", "audio", "graph"])
def test_every_request_runs_in_the_loader_of_a_server(folders, kind):
    folder = folders[kind]
    session = tf.compat.v1.Session(graph=tf.Graph())
    with session.graph.as_default():
        meta = tf.compat.v1.saved_model.load(session, ["serve"], str(folder))
    seen = {}
    for request in requests(folder):
        name = request.model_spec.signature_name
        signature = meta.signature_def[name]
        # No unknown fields: what is not understood would be kept there.
        assert request.model_spec.name == ""
        assert request.inputs.keys() == signature.inputs.keys()
        feed = {}
        for key, proto in request.inputs.items():
            assert proto.dtype == signature.inputs[key].dtype
            # Read by C++, as a server does: one value stands for all the rest.
            tensor = tf.io.parse_tensor(proto.SerializeToString(), proto.dtype).numpy()
            np.testing.assert_array_equal(tensor, tf.make_ndarray(proto))
            feed[signature.inputs[key].name] = tensor
        outputs = session.run(
            {key: info.name for key, info in signature.outputs.items()}, feed
        )
        rows = len(next(iter(feed.values())))
        if len(feed) == 1:
            assert all(len(value) == rows for value in outputs.values())
            if artifact.VALID in outputs:
                assert outputs[artifact.VALID].all()
        assert np.isfinite(outputs["embedding"]).all()
        seen.setdefault(name, []).append(rows)
    offered = artifact.read_manifest(folder)["signatures"]
    assert seen.keys() == offered.keys()
    if kind == "graph":
        assert seen.pop("serving_default")
    assert all(sizes == list(BATCH_SIZES) for sizes in seen.values())


def test_the_requests_are_small(folders):
    # 63 rows of 768 floats, in two signatures or more, are 190 KB otherwise.
    assert (folders["image"] / WARM_UP_FILE).stat().st_size < 20_000


def test_long_values_and_names(tmp_path):
    apis = pytest.importorskip("tensorflow_serving.apis.prediction_log_pb2")
    value = bytes(range(256)) * 100
    feed = {"b": tf.make_tensor_proto([value]), "a": tf.make_tensor_proto([1.0] * 99)}
    log = apis.PredictionLog.FromString(prediction_log("s" * 200, feed))
    request = log.predict_log.request
    assert request.model_spec.signature_name == "s" * 200
    assert tf.make_ndarray(request.inputs["b"])[0] == value
    assert tf.make_ndarray(request.inputs["a"]).tolist() == [1.0] * 99
    # Written by the package itself, it is the same, byte by byte.
    again = apis.PredictionLog()
    again.predict_log.request.model_spec.signature_name = "s" * 200
    for key, proto in feed.items():
        again.predict_log.request.inputs[key].CopyFrom(proto)
    assert again.SerializeToString(deterministic=True) == prediction_log(
        "s" * 200, feed
    )


@pytest.mark.parametrize("kind", ["image", "vector"])
def test_batching_parameters(folders, kind, batching_parameters):
    text = (folders[kind] / BATCHING_FILE).read_text()
    found = text_format.Parse(text, batching_parameters())
    sizes = list(found.allowed_batch_sizes)
    assert sizes == sorted(set(sizes)) == list(BATCH_SIZES)
    assert sizes[-1] == found.max_batch_size.value
    assert found.batch_timeout_micros.value > 0
    assert found.max_enqueued_batches.value > 0
    assert not found.pad_variable_length_inputs


@pytest.mark.parametrize("kind", ["audio", "graph"])
def test_what_must_not_be_batched_says_nothing_of_batches(folders, kind):
    assert not (folders[kind] / BATCHING_FILE).exists()


def test_the_manifest_has_the_files(folders):
    for folder in folders.values():
        listed = {file["path"] for file in artifact.verify(folder)["files"]}
        assert WARM_UP_FILE in listed
        assert (BATCHING_FILE in listed) == (folder / BATCHING_FILE).exists()


@pytest.mark.parametrize("sizes", [[], [0, 1], [2, 1], [1, 1, 2]])
def test_batch_sizes_increase(tmp_path, sizes):
    with pytest.raises(ValueError, match="increasing batch sizes"):
        version_files.write_version_files(tmp_path, {}, {}, batch_sizes=sizes)


def test_a_server_refuses_more_than_a_thousand_requests(tmp_path):
    inputs = {"inputs": {"dtype": "float32", "shape": [None, 4]}}
    facts = {"modality": None, "shape": [4]}
    with pytest.raises(ValueError, match="at most 1000.*Received: 1001"):
        version_files.write_version_files(
            tmp_path, {"f": {"inputs": inputs}}, facts, batch_sizes=range(1, 1002)
        )


def test_an_unknown_input_is_named(tmp_path):
    inputs = {"inputs": {"dtype": "complex64", "shape": [None]}}
    with pytest.raises(ValueError, match="warm-up request is known for 'f'"):
        version_files.write_version_files(
            tmp_path, {"f": {"inputs": inputs}}, {"modality": None}
        )
