# SPDX-License-Identifier: Apache-2.0
"""gRPC servers that answer another question than was asked, or out of order."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import tensorflow as tf

from cl_keras.export.client import EmbeddingClient, ServingError

grpc = pytest.importorskip("grpc", reason="needs the extra [serving]")
pytest.importorskip("tensorflow_serving.apis", reason="needs the extra [serving]")
from google.protobuf import json_format
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    predict_pb2,
    prediction_service_pb2_grpc,
)

SIDES = [{"size": n} for n in (-1, 2)]
TENSOR = {"dtype": "DT_FLOAT", "tensor_shape": {"dim": SIDES}}
SIGNATURE = {"inputs": {"x": TENSOR}, "outputs": {"embedding": TENSOR}}


class Server(prediction_service_pb2_grpc.PredictionServiceServicer):
    """Gives its inputs back, after a function has changed the answer."""

    def __init__(self, change):
        self.change, self.lock, self.calls = change, threading.Lock(), 0

    def GetModelMetadata(self, request, context):
        found = get_model_metadata_pb2.SignatureDefMap()
        json_format.ParseDict(SIGNATURE, found.signature_def["serving_default"])
        answer = get_model_metadata_pb2.GetModelMetadataResponse()
        answer.model_spec.name, answer.model_spec.version.value = "m", 1
        answer.metadata["signature_def"].Pack(found)
        return answer

    def Predict(self, request, context):
        with self.lock:
            self.calls += 1
            number = self.calls
        answer = predict_pb2.PredictResponse()
        answer.model_spec.name, answer.model_spec.version.value = "m", 1
        answer.outputs["embedding"].CopyFrom(request.inputs["x"])
        self.change(answer, number)
        return answer


@pytest.fixture
def client():
    started = []

    def start(change):
        server = grpc.server(ThreadPoolExecutor(8))
        prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(
            Server(change), server
        )
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        started.append(server)
        url = f"grpc://127.0.0.1:{port}"
        return EmbeddingClient(url, model="m", version=1, deadline=20)

    yield start
    for server in started:
        server.stop(None)


def test_answers_that_overtake_each_other(client):
    def late(answer, number):
        time.sleep(0.3 / number)  # The first is the last.

    rows = np.arange(400, dtype=np.float32).reshape(200, 2)
    with client(late) as asking:
        np.testing.assert_array_equal(asking.embed(rows).embedding, rows)


def set_to(array):
    def change(answer, number):
        answer.outputs["embedding"].CopyFrom(tf.make_tensor_proto(array))

    return change


def field(**values):
    def change(answer, number):
        for key, value in values.items():
            setattr(answer.outputs["embedding"], key, value)

    return change


def huge(answer, number):
    shape = answer.outputs["embedding"].tensor_shape
    shape.dim[0].size = shape.dim[1].size = 2**40


def renamed(answer, number):
    answer.outputs["other"].CopyFrom(answer.outputs.pop("embedding"))


def of_another(**spec):
    def change(answer, number):
        for key, value in spec.items():
            part = answer.model_spec
            part = part.version if key == "value" else part
            setattr(part, key, value)

    return change


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (set_to(np.ones((7, 2), "f4")), r"shape \[3, 2\].*\[7, 2\]"),
        (set_to(np.ones((3, 5), "f4")), r"shape \[3, 2\].*\[3, 5\]"),
        (set_to(np.ones((3, 2), "i4")), "expected float32"),
        (set_to(np.full((3, 2), np.nan, "f4")), "finite"),
        (set_to(np.array([b"a", b"b", b"c"])), "expected float32"),
        (renamed, "expected an output in 'embedding'"),
        (huge, "cannot be read|shape"),
        (field(tensor_content=b"123"), "cannot be read"),
        (field(dtype=999), "cannot be read"),
        (of_another(name="other"), "answer of the model 'other'"),
        (of_another(value=7), "answer of version 7"),
    ],
)
def test_answers_to_another_question(client, change, said):
    with client(change) as asking, pytest.raises(ServingError, match=said):
        asking.embed(np.ones((3, 2), np.float32))
