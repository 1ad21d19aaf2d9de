# SPDX-License-Identifier: Apache-2.0
"""Over gRPC, with the package of TensorFlow Serving's protocol buffers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from cl_keras import extras
from cl_keras.export.client.transport import (
    INVALID_ANSWER,
    Call,
    Described,
    Model,
    Transport,
    described,
)

_TRANSIENT = ("UNAVAILABLE", "RESOURCE_EXHAUSTED")
_TOO_LARGE = "larger than max"


class GrpcTransport(Transport):
    """A channel to `host:port`, or with TLS and the system's certificates."""

    def __init__(
        self, target: str, model: Model, *, secure: bool, max_message_bytes: int
    ) -> None:
        super().__init__(target, model)
        apis = "tensorflow_serving.apis"
        self._grpc: Any = extras.require("grpc", extra="serving")
        self._predict: Any = extras.require(f"{apis}.predict_pb2", extra="serving")
        self._metadata: Any = extras.require(
            f"{apis}.get_model_metadata_pb2", extra="serving"
        )
        services = extras.require(
            f"{apis}.prediction_service_pb2_grpc", extra="serving"
        )
        options = [
            # gRPC's own limit is 4 MB for what is received: 1,000 rows of 1,024.
            ("grpc.max_receive_message_length", max_message_bytes),
            ("grpc.max_send_message_length", max_message_bytes),
            # One connection a server, where the name stands for several.
            ("grpc.lb_policy_name", "round_robin"),
            ("grpc.enable_retries", 0),  # See `retrying`.
            # After a restart of the server; by itself it would wait for minutes.
            ("grpc.max_reconnect_backoff_ms", 5_000),
        ]
        self._channel = (
            self._grpc.secure_channel(
                target, self._grpc.ssl_channel_credentials(), options
            )
            if secure
            else self._grpc.insecure_channel(target, options)
        )
        self._stub = services.PredictionServiceStub(self._channel)

    def describe(self, timeout: float) -> Described:
        """See `Transport`."""
        request = self._metadata.GetModelMetadataRequest(
            metadata_field=["signature_def"]
        )
        _name(request.model_spec, self.model)
        answer = self._ask(self._stub.GetModelMetadata, request, timeout)
        definitions = self._metadata.SignatureDefMap()
        answer.metadata["signature_def"].Unpack(definitions)
        said = answer.model_spec.HasField("version")
        version = answer.model_spec.version.value if said else None
        return described(version, definitions.signature_def)

    def predict(
        self, call: Call, feed: Mapping[str, np.ndarray], timeout: float
    ) -> dict[str, np.ndarray]:
        """See `Transport`."""
        request = self._predict.PredictRequest()
        _name(request.model_spec, self.model.at(call.version))
        request.model_spec.signature_name = call.name
        for key, value in feed.items():
            dtype = tf.string if value.dtype == object else value.dtype
            proto = tf.make_tensor_proto(value, dtype, value.shape)
            request.inputs[key].CopyFrom(proto)
        answer = self._ask(self._stub.Predict, request, timeout)
        self._check_model(answer.model_spec, request.model_spec)
        try:
            return {
                key: tf.make_ndarray(value) for key, value in answer.outputs.items()
            }
        # Of a message whose dtype, shape and content do not fit each other.
        except (ValueError, TypeError) as error:
            raise self.error(
                f"an answer that cannot be read: {error}", INVALID_ANSWER
            ) from error

    def close(self) -> None:
        """See `Transport`."""
        self._channel.close()

    def _check_model(self, answered: Any, asked: Any) -> None:
        """Refuses an answer of another model, as far as the server says whose it is."""
        if answered.name not in ("", asked.name):
            said = f"an answer of the model {answered.name!r}"
        elif (
            asked.HasField("version")
            and answered.HasField("version")
            and answered.version.value != asked.version.value
        ):
            said = f"an answer of version {answered.version.value}"
        else:
            return
        raise self.error(said, INVALID_ANSWER)

    def _ask(self, method: Any, request: Any, timeout: float) -> Any:
        try:
            return method(request, timeout=timeout)
        except self._grpc.RpcError as error:
            code, said = error.code().name, str(error.details())
            # Too long a message is RESOURCE_EXHAUSTED as well; it stays too long.
            transient = code in _TRANSIENT and _TOO_LARGE not in said
            hint = " (see max_message_bytes)" if _TOO_LARGE in said else ""
            raise self.error(f"{code}: {said}{hint}", code, transient) from error


def _name(spec: Any, model: Model) -> None:
    spec.name = model.name
    if model.version is not None:
        spec.version.value = model.version
    elif model.label is not None:
        spec.version_label = model.label
