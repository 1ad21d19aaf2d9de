# SPDX-License-Identifier: Apache-2.0
"""PredictionService and ModelService."""

from concurrent.futures import ThreadPoolExecutor

import grpc
import tensorflow as tf
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from prediction_server.models import Refused, arrays

STATUS = {status.value[0]: status for status in grpc.StatusCode}
AVAILABLE = get_model_status_pb2.ModelVersionStatus.AVAILABLE


def refusing(method):
    """Turns `Refused` into a status of gRPC."""

    def wrapped(self, request, context):
        try:
            return method(self, request, context)
        except Refused as error:
            context.abort(STATUS[error.code], error.reason)

    return wrapped


def chosen(models, spec):
    version = spec.version.value if spec.HasField("version") else None
    label = spec.version_label if spec.HasField("version_label") else None
    return models.find(spec.name, version, label)


class Predictions(prediction_service_pb2_grpc.PredictionServiceServicer):
    def __init__(self, models):
        self.models = models

    @refusing
    def Predict(self, request, context):
        found = chosen(self.models, request.model_spec)
        name = request.model_spec.signature_name
        outputs = self.models.predict(found, name, arrays(request.inputs))
        response = predict_pb2.PredictResponse()
        response.model_spec.name = request.model_spec.name
        response.model_spec.version.value = found.number
        response.model_spec.signature_name = name or "serving_default"
        for key, value in outputs.items():
            dtype = tf.string if value.dtype == object else value.dtype
            proto = tf.make_tensor_proto(value, dtype, value.shape)
            response.outputs[key].CopyFrom(proto)
        return response

    @refusing
    def GetModelMetadata(self, request, context):
        found = chosen(self.models, request.model_spec)
        return metadata(request.model_spec.name, found)


class ModelStates(model_service_pb2_grpc.ModelServiceServicer):
    def __init__(self, models):
        self.models = models

    @refusing
    def GetModelStatus(self, request, context):
        spec = request.model_spec
        found = chosen(self.models, spec)
        one = spec.HasField("version") or spec.HasField("version_label")
        return status([found] if one else self.models.versions.values())


def metadata(name, found):
    """The answer to `GetModelMetadata`."""
    response = get_model_metadata_pb2.GetModelMetadataResponse()
    response.model_spec.name = name
    response.model_spec.version.value = found.number
    response.metadata["signature_def"].Pack(signature_map(found))
    return response


def signature_map(found):
    signatures = get_model_metadata_pb2.SignatureDefMap()
    for key, value in found.signature_def.items():
        signatures.signature_def[key].CopyFrom(value)
    return signatures


def status(versions):
    """The answer to `GetModelStatus`."""
    response = get_model_status_pb2.GetModelStatusResponse()
    for version in sorted(versions, key=lambda v: -v.number):
        state = response.model_version_status.add(version=version.number)
        state.state = AVAILABLE
        state.status.SetInParent()  # OK, which is said, too.
    return response


def serve(models, port):
    """Starts to serve; returns the server and its port."""
    options = [
        ("grpc.max_receive_message_length", -1),
        ("grpc.max_send_message_length", -1),
    ]
    server = grpc.server(ThreadPoolExecutor(8), options=options)
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(
        Predictions(models), server
    )
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(
        ModelStates(models), server
    )
    port = server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    return server, port
