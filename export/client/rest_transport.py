# SPDX-License-Identifier: Apache-2.0
"""Over REST, with the standard library."""

from __future__ import annotations

import base64
import http.client
import json
import threading
from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import types_pb2

from cl_keras.export.client.errors import ServingError
from cl_keras.export.client.transport import HIDDEN, Model, Signature, Tensor

T = TypeVar("T")

_BUSY = (429, 503)


class RestTransport:
    """Connections to a server, one a thread, kept open.

    Args:
        url: `http://host:port`, or with a path in front of `/v1`.
        model: The model.
        max_message_bytes: The longest message to send and to receive.
    """

    def __init__(self, url: str, model: Model, *, max_message_bytes: int) -> None:
        parts = urlsplit(url)
        secure = parts.scheme == "https"
        self._kind = (
            http.client.HTTPSConnection if secure else http.client.HTTPConnection
        )
        self._host, self._port = parts.hostname or "", parts.port
        path = f"{parts.path.rstrip('/')}/v1/models/{quote(model.name)}"
        if model.version is not None:
            path += f"/versions/{model.version}"
        elif model.label is not None:
            path += f"/labels/{quote(model.label)}"
        self._path, self._url, self._model = path, url, model
        self._limit = max_message_bytes
        self._own = threading.local()
        self._open: list[http.client.HTTPConnection] = []
        self._lock = threading.Lock()

    def signatures(self, timeout: float) -> dict[str, Signature]:
        """See `Transport`."""
        return self._ask("GET", "/metadata", None, timeout, _signatures)

    def predict(
        self,
        name: str,
        signature: Signature,
        feed: Mapping[str, np.ndarray],
        timeout: float,
    ) -> dict[str, np.ndarray]:
        """See `Transport`."""
        inputs = {key: _to_json(value) for key, value in feed.items()}
        body = json.dumps({"signature_name": name, "inputs": inputs}).encode()

        def read(answer: Any) -> dict[str, np.ndarray]:
            outputs = answer["outputs"]
            if len(signature.outputs) == 1:  # A single output comes without its name.
                outputs = {next(iter(signature.outputs)): outputs}
            return {
                key: _from_json(outputs[key], tensor)
                for key, tensor in signature.outputs.items()
            }

        return self._ask("POST", ":predict", body, timeout, read)

    def close(self) -> None:
        """See `Transport`."""
        with self._lock:
            for connection in self._open:
                connection.close()
            self._open.clear()

    def _ask(
        self,
        method: str,
        suffix: str,
        body: bytes | None,
        timeout: float,
        read: Callable[[Any], T],
    ) -> T:
        if body is not None and len(body) > self._limit:
            raise self._error(
                f"a request of {len(body)} bytes (see max_message_bytes)", "413"
            )
        connection = self._connection(timeout)
        try:
            connection.request(
                method,
                self._path + suffix,
                body,
                {"Content-Type": "application/json"},
            )
            response = connection.getresponse()
            content = response.read(self._limit + 1)
        except TimeoutError as error:
            connection.close()
            raise self._error(f"no answer within {timeout:g} s", "408") from error
        except (OSError, http.client.HTTPException) as error:
            # Refused, or closed while it was idle: a server that starts or restarts.
            connection.close()
            said = f"{type(error).__name__}: {error}"
            raise self._error(said, "503", transient=True) from error
        if len(content) > self._limit:
            connection.close()
            raise self._error(
                f"an answer of over {self._limit} bytes (see max_message_bytes)", "413"
            )
        if response.status != 200:
            said = _reason(content)
            busy = response.status in _BUSY
            raise self._error(
                f"HTTP {response.status}: {said}", str(response.status), busy
            )
        try:
            return read(json.loads(content))
        except (ValueError, KeyError, TypeError) as error:
            raise self._error(
                f"an answer that is none of TensorFlow Serving: {content[:200]!r}",
                "200",
            ) from error

    def _error(self, said: str, code: str, transient: bool = False) -> ServingError:
        where = f"{self._url}, model {self._model}"
        return ServingError(f"{where}: {said}", code, transient)

    def _connection(self, timeout: float) -> http.client.HTTPConnection:
        connection = getattr(self._own, "connection", None)
        if connection is None:
            connection = self._own.connection = self._kind(self._host, self._port)
            with self._lock:
                self._open.append(connection)
        connection.timeout = timeout
        if connection.sock is not None:
            connection.sock.settimeout(timeout)
        return connection


def _signatures(answer: Any) -> dict[str, Signature]:
    found = answer["metadata"]["signature_def"]["signature_def"]
    return {
        name: Signature(_tensors(entry["inputs"]), _tensors(entry["outputs"]))
        for name, entry in found.items()
        if not name.startswith(HIDDEN)
    }


def _reason(content: bytes) -> str:
    text = content.decode("utf-8", "replace")
    try:
        return str(json.loads(text)["error"])
    except (ValueError, KeyError, TypeError):
        return text[:500]


def _to_json(value: np.ndarray) -> Any:
    if value.dtype != object:
        return value.tolist()
    return [{"b64": base64.b64encode(item).decode("ascii")} for item in value]


def _from_json(value: Any, tensor: Tensor) -> np.ndarray:
    if tensor.dtype == object:
        found = np.array(value, dtype=object)
        flat = [
            base64.b64decode(item["b64"]) if isinstance(item, dict) else item.encode()
            for item in found.ravel()
        ]
        array = np.empty(found.shape, dtype=object)
        array.ravel()[:] = flat
        return array
    array = np.array(value, tensor.dtype)
    if array.size == 0:
        # JSON's empty list has lost the other sides.
        array = array.reshape(*(0 if side is None else side for side in tensor.shape))
    return array


def _tensors(infos: Mapping[str, Any]) -> dict[str, Tensor]:
    return {
        key: Tensor(
            np.dtype(
                tf.dtypes.as_dtype(
                    types_pb2.DataType.Value(info["dtype"])
                ).as_numpy_dtype
            ),
            tuple(
                None if int(dim["size"]) < 0 else int(dim["size"])
                for dim in info["tensor_shape"].get("dim", [])
            ),
        )
        for key, info in infos.items()
    }
